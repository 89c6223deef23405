"""The real command with its worker processes, and all the ways of stopping it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import lightune
from tests.study.shared import unchanged, write_reviews

pytestmark = pytest.mark.full

COMMAND = str(Path(sys.executable).with_name("lightune"))
MIB = 2**20
# Seconds until a test gives up, on a machine that does other things too. What ends at once and what ends in time are
# told apart by what was left undone.
PATIENCE = 100


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_reviews(tmp_path_factory.mktemp("data") / "reviews", 60, 20)


def _words(model: Path, data: Path, out: Path, *more: str) -> list[str]:
    """A study whose training takes a few seconds and saves a checkpoint every 20 steps."""
    sized = ("--max-steps", "400", "--evaluations", "20", "--patience", "0")
    given = ("--model", str(model), "--data", str(data), "--arms", "pretrained,lora", "--out", str(out))
    return [COMMAND, "study", *given, *sized, "--json", *more]


def _workers(out: Path) -> list[int]:
    """Worker processes of the study in `out` that are alive."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if "lightune.worker" in words and str(out) in words and state != "Z":
                found.append(int(folder.name))
    return found


def _gone(out: Path) -> bool:
    deadline = time.monotonic() + PATIENCE
    while _workers(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _workers(out)


@contextmanager
def _training(words: list[str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the command in a process group of its own, and hand it over when step 60 is behind it."""
    with (tmp_path / "stderr").open("w+") as errors:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
        watchdog = threading.Timer(3 * PATIENCE, lambda: os.killpg(process.pid, signal.SIGKILL))
        watchdog.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if event.get("phase") == "train" and event["done"] >= 60:
                    break
            assert process.poll() is None, (tmp_path / "stderr").read_text()
            yield process
        finally:
            watchdog.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()
            process.wait()


def _left_with(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return process.wait(PATIENCE)


def _said(tmp_path: Path) -> str:
    return (tmp_path / "stderr").read_text()


def test_a_study_from_end_to_end_and_what_is_done_with_it(tiny_gpt2, data, tmp_path):
    out = tmp_path / "out"
    words = [
        COMMAND,
        "study",
        "--model",
        str(tiny_gpt2),
        "--data",
        str(data),
        "--out",
        str(out),
        "--quiet",
        "--arms",
        "pretrained,lora",
    ]
    done = subprocess.run(
        [*words, "--max-steps", "3", "--evaluations", "1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    result = lightune.load_result(out)
    assert {arm.name: arm.status for arm in result.arms} == {"pretrained": "done", "lora": "done"}
    assert not (out / ".work").exists()
    peaks = {arm.name: arm.cost.peak_memory_bytes for arm in result.arms}
    assert all(50 * MIB < peak < 4096 * MIB for peak in peaks.values())
    assert peaks["pretrained"] != peaks["lora"]
    assert _workers(out) == []

    predicted = subprocess.run(
        [COMMAND, "predict", str(out), "the plot is dull", "--json", "--baseline"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (predicted.returncode, predicted.stderr) == (0, "")
    (line,) = predicted.stdout.splitlines()
    assert json.loads(line)["probabilities"] == pytest.approx(
        lightune.load(out).predict(["the plot is dull"])[0].probabilities, abs=1e-5
    )


def test_ctrl_c_keeps_what_is_done_and_a_second_command_in_the_folder_waits_its_turn(tiny_gpt2, data, tmp_path):
    out = tmp_path / "out"
    words = _words(tiny_gpt2, data, out, "--arms", "lora")
    with _training(words, tmp_path) as process:
        os.kill(_workers(out)[0], signal.SIGSTOP)  # so that the training outlasts the second command
        second = subprocess.run(words, capture_output=True, text=True, check=False, timeout=90)
        assert second.returncode == 2
        assert f": process {process.pid} (lightune study, since 20" in second.stderr
        assert second.stderr.count("\n") == 1
        os.kill(_workers(out)[0], signal.SIGCONT)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        assert _left_with(process) == 130
    assert _workers(out) == []
    said = _said(tmp_path)
    assert said.count("\n") == 1
    assert "goes on from what is done" in said
    assert list(out.glob("runs/*/checkpoints/checkpoint-*"))

    again = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert again.returncode == 0, again.stderr
    events = [json.loads(line) for line in again.stdout.splitlines()]
    steps = [event["done"] for event in events if event.get("phase") == "train"]
    assert steps[0] > 20
    assert steps[-1] == 400
    assert events[-1]["event"] == "result"


def test_being_terminated_ends_the_worker_too(tiny_gpt2, data, tmp_path):
    out = tmp_path / "out"
    with _training(_words(tiny_gpt2, data, out, "--arms", "lora"), tmp_path) as process:
        process.terminate()
        assert _left_with(process) == 143
    assert _workers(out) == []
    assert "Traceback" not in _said(tmp_path)
    assert _said(tmp_path).startswith("lightune: Terminated")


def test_a_worker_does_not_outlive_a_command_that_was_killed(tiny_gpt2, data, tmp_path):
    out = tmp_path / "out"
    with _training(_words(tiny_gpt2, data, out, "--arms", "lora"), tmp_path) as process:
        assert len(_workers(out)) == 1
        process.kill()
        assert _gone(out)


def test_a_worker_that_was_killed_goes_on_in_smaller_micro_batches(tiny_gpt2, data, tmp_path):
    out = tmp_path / "out"
    with _training(_words(tiny_gpt2, data, out, "--arms", "lora,pretrained"), tmp_path) as process:
        os.kill(_workers(out)[0], signal.SIGKILL)
        told = process.stdout.read()
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in _said(tmp_path)
    notices = [line["phase"] for line in map(json.loads, told.splitlines()) if line["event"] == "notice"]
    assert len(notices) == 1
    assert "The run's process was killed" in notices[0]
    assert "half the micro-batch" in notices[0]
    assert {arm.name: arm.status for arm in lightune.load_result(out).arms} == {"lora": "done", "pretrained": "done"}
    assert "out of memory" in (out / "report.md").read_text()


def test_bad_input_and_help_as_a_user_sees_them(data, tmp_path):
    with unchanged(tmp_path):
        wrong = [COMMAND, "study", "--data", str(data / "absent.csv"), "--out", str(tmp_path / "out")]
        refused = subprocess.run(wrong, capture_output=True, text=True, check=False)
        asked = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("lightune: ")
    assert refused.stderr.count("\n") == 1
    assert (asked.returncode, asked.stderr) == (0, "")
    assert all(verb in asked.stdout for verb in ("study", "predict", "inspect", "report"))
