"""A study certifies each arm before it calls it done, and says so when one does not pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lightune.study
from lightune import fresh
from lightune.arms import adapter as adapter_arm
from lightune.certification import CERTIFICATE
from lightune.fresh import FreshProcesses
from lightune.records import FAIL
from lightune.study import in_process, run_study, runs
from lightune.study.runs import RECORD
from tests.certification.test_broken_on_disk import edit_tensors, flip_a_number
from tests.study.shared import done_by, quick_config, snapshot, write_reviews

pytestmark = pytest.mark.full


@pytest.fixture
def config(tiny_gpt2: Path, tmp_path: Path) -> Any:
    return quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 30, 10), arms=("lora", "pretrained"))


@pytest.fixture
def harmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a number of LoRA's file changed right after it was saved."""
    real = adapter_arm.save_adapter_artifact

    def save(folder: Path, *rest: Any) -> None:
        real(folder, *rest)
        edit_tensors(folder / "adapter_model.safetensors", flip_a_number)

    monkeypatch.setattr(adapter_arm, "save_adapter_artifact", save)


def _run_of(out: Path, arm: str) -> Path:
    """The folder of an arm's run."""
    records = [path for path in out.rglob(RECORD) if json.loads(path.read_text())["key"]["arm"] == arm]
    assert len(records) == 1
    return records[0].parent


@pytest.mark.usefixtures("harmed")
def test_an_arm_that_does_not_pass_fails_and_leaves_its_certificate(config: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run_study(config, out, executor=in_process)
    arms = {arm.name: arm for arm in result.arms}
    assert (arms["lora"].status, arms["pretrained"].status) == ("failed", "done")
    assert "does not pass its certificate" in arms["lora"].reason
    assert "saved = in memory: logits differ by" in arms["lora"].reason
    assert snapshot(out / "arms" / "lora") == {}
    assert (out / "arms" / "pretrained" / CERTIFICATE).exists()
    certificate = json.loads((_run_of(out, "lora") / CERTIFICATE).read_text())
    assert [check["name"] for check in certificate["checks"] if check["outcome"] == FAIL] == ["saved = in memory"]
    assert "does not pass its certificate" in (out / "report.md").read_text()


@pytest.mark.usefixtures("harmed")
def test_the_command_leaves_with_one(
    config: Any, tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lightune.study, "run_study", done_by(in_process))
    words = (
        *("study", "--model", config.model.source, "--data", config.data.source, "--arms", "lora,pretrained"),
        *("--max-steps", 3, "--evaluations", 1, "--behaviour", "none", "--quiet", "--out", tmp_path / "out"),
    )
    assert command(*words).code == 1
    assert (tmp_path / "out" / "report.html").exists()


def test_each_arm_that_is_done_has_the_same_certificate_in_both_places(config: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert [arm.status for arm in run_study(config, out, executor=in_process).arms] == ["done", "done"]
    for arm in ("lora", "pretrained"):
        kept = (out / "arms" / arm / CERTIFICATE).read_text()
        assert kept == (_run_of(out, arm) / CERTIFICATE).read_text()


def test_nothing_else_works_here_until_an_arms_cost_is_taken_down(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in ("fresh_processes", "cost_of"):
        real = getattr(runs, name)
        monkeypatch.setattr(runs, name, lambda *args, own=real, name=name: order.append(name) or own(*args))
    run_study(config, tmp_path / "out", executor=in_process)
    assert order == ["cost_of", "fresh_processes"] * 2


def test_a_process_that_dies_over_an_artefact_fails_the_arm(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FreshProcesses.call

    def dies(self: FreshProcesses, task: str, **arguments: Any) -> Any:
        return real(self, "os:abort") if "lora" in str(arguments) else real(self, task, **arguments)

    monkeypatch.setattr(FreshProcesses, "call", dies)
    arms = {arm.name: arm for arm in run_study(config, tmp_path / "out", executor=in_process).arms}
    assert (arms["lora"].status, arms["pretrained"].status) == ("failed", "done")
    assert "ended before it had answered" in arms["lora"].reason
    assert snapshot(tmp_path / "out" / "arms" / "lora") == {}
    assert fresh.fresh_processes().call("os:getpid") > 0


def test_an_interruption_while_it_is_certified_leaves_no_artefact(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(FreshProcesses, "call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_study(config, tmp_path / "out", executor=in_process)
    assert snapshot(tmp_path / "out" / "arms") == {}
