"""The command, a study that was trained, and a browser."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

import lightune
from lightune.artifacts import load_artifact
from tests.study.shared import Finished, finished

__all__ = ["finished"]
pytestmark = pytest.mark.full
TEXT = "The film is a joy from the first scene, and the ending is a mess."


@pytest.fixture
def served(finished: Finished) -> Iterator[str]:
    """The address of `lightune serve` with the study; it ends at once when it is asked to."""
    command = [sys.executable, "-m", "lightune", "serve", str(finished.folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = None
        for line in process.stdout:
            if found := re.search(r"serves at (http://\S+/)", line):
                address = found[1]
            if "Ctrl-C" in line:
                break
        try:
            assert address, process.stderr.read()
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            said, faults = process.communicate(timeout=60)
        assert process.returncode in (0, 143), said + faults
        assert faults == ""


def test_the_page_answers_as_the_study_does(served, finished, visits):
    visit = visits(served)
    page = visit.page
    visit.predict(TEXT, 1)
    for arm in ("lora", "pretrained"):
        answer = lightune.load(finished.folder, arm=arm).predict([TEXT])[0]
        assert visit.cell(0, arm).startswith(f"{answer.label} {answer.score:.1%}".replace("%", " %"))
    page.get_by_role("button", name="Which words? Text 1, lora").click()
    page.locator(".passage").wait_for()
    pieces = page.locator(".why tbody th").all_text_contents()
    assert pieces == TEXT.split()
    whole, without = (
        load_artifact(finished.folder / "arms" / "lora").scorer.score([one]).logits[0]
        for one in (TEXT, TEXT.removeprefix("The "))
    )
    label = lightune.load(finished.folder).label_names.index(page.get_by_label("For the label").input_value())
    change = softmax(whole)[label] - softmax(without)[label]
    shown = page.locator(".why tbody td").first.text_content().replace("\N{MINUS SIGN}", "-")
    assert float(shown) == pytest.approx(100 * change, abs=0.051)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="The study's report").click()
    opened.value.get_by_role("heading", level=1).wait_for()
    assert opened.value.url.endswith(f"/reports/{finished.folder.name}")


def softmax(logits):
    from lightune.compute import softmax

    return softmax(logits[None])[0]
