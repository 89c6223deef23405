"""A run that fails is the run's end and not the study's."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from safetensors.torch import load_file, save_file

import lightune
from lightune import worker as worker_module
from lightune.arms import adapter as adapter_module
from lightune.arms.adapter import AdapterArm, FittedAdapter
from lightune.config import TrainingConfig
from lightune.errors import ConfigError, ModelError, RunError
from lightune.records import RunKey, dumps
from lightune.study import executors, in_process, in_worker, run_study
from lightune.study.runs import RunSpec, failed_record, read_record
from lightune.training.trainer import StepTrainer
from tests.fixtures.reviews import make_reviews, write_csv
from tests.study.shared import never, quick_config, write_reviews


@pytest.fixture
def config(tiny_gpt2, tmp_path):
    return quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 30, 10), arms=("lora", "pretrained"))


def _by_name(result):
    return {arm.name: arm for arm in result.arms}


@pytest.mark.full
@pytest.mark.parametrize("error", [RunError("It diverged."), ValueError("no <b>luck</b>"), MemoryError("full")])
def test_an_arm_that_fails_is_named_with_its_reason_and_tried_again_next_time(config, tmp_path, monkeypatch, error):
    def broken(self, train, validation):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(AdapterArm, "fit", broken)
        result = run_study(config, tmp_path / "out", executor=in_process)
    arms = _by_name(result)
    assert arms["lora"].status == "failed"
    assert str(error) in arms["lora"].reason
    assert arms["lora"].metrics == {}
    assert arms["pretrained"].status == "done"
    assert result.comparisons == ()
    assert lightune.load_result(tmp_path / "out").arms[0].reason == arms["lora"].reason
    for name in ("report.md", "report.html"):
        page = (tmp_path / "out" / name).read_text()
        assert "failed" in page
        assert str(error).replace("<", "&lt;").replace(">", "&gt;") in page or str(error) in page.replace("\\", "")
    assert (tmp_path / "out" / "predictions" / "pretrained.parquet").exists()
    assert not (tmp_path / "out" / "predictions" / "lora.parquet").exists()
    again = run_study(config, tmp_path / "out", executor=in_process)
    assert [arm.status for arm in again.arms] == ["done", "done"]
    assert len(again.comparisons) == 1


@pytest.mark.full
def test_a_study_whose_every_arm_failed_still_has_results_and_a_report(config, tmp_path, monkeypatch):
    monkeypatch.setattr(AdapterArm, "fit", lambda *_: 1 / 0)
    result = run_study(replace(config, arms=("lora",)), tmp_path / "out", executor=in_process)
    assert [arm.status for arm in result.arms] == ["failed"]
    assert "ZeroDivisionError" in (tmp_path / "out" / "report.md").read_text()
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.full
def test_of_two_seeds_the_one_that_worked_is_kept(config, tmp_path, monkeypatch):
    real = AdapterArm.fit

    def fails_first(self, train, validation):
        if self.context.seed == 0:
            raise RunError("Not this one.")
        return real(self, train, validation)

    monkeypatch.setattr(AdapterArm, "fit", fails_first)
    result = run_study(replace(config, seeds=2), tmp_path / "out", executor=in_process)
    lora = _by_name(result)["lora"]
    assert lora.status == "failed"
    assert lora.reason == "seed 0: Not this one."
    assert [entry.seed for entry in lora.seeds] == [1]
    assert lora.metrics["loss"].value == pytest.approx(lora.seeds[0].metrics["loss"])


@pytest.mark.full
def test_an_artefact_that_answers_differently_once_reloaded_is_a_failure_and_not_left_behind(
    config, tmp_path, monkeypatch
):
    real = adapter_module.save_adapter_artifact

    def corrupting(folder: Path, *rest):
        real(folder, *rest)
        path = folder / "adapter_model.safetensors"
        tensors = load_file(path)
        save_file({name: tensor + 0.01 for name, tensor in tensors.items()}, path, metadata={"format": "pt"})

    monkeypatch.setattr(adapter_module, "save_adapter_artifact", corrupting)
    result = run_study(config, tmp_path / "out", executor=in_process)
    lora = _by_name(result)["lora"]
    assert lora.status == "failed"
    assert "saved = in memory: logits differ by" in lora.reason
    assert _by_name(result)["pretrained"].status == "done"
    assert "does not pass its certificate" in (tmp_path / "out" / "report.md").read_text()
    with pytest.raises(ModelError):
        lightune.load(tmp_path / "out" / "arms" / "lora")


@pytest.mark.full
def test_the_best_of_a_training_that_diverged_is_kept_and_answers_and_is_not_gone_on_from(
    config, tmp_path, monkeypatch
):
    real = StepTrainer.training_step

    def diverging(self, *args):
        loss = real(self, *args)
        return loss * float("nan") if self.state.global_step == 7 else loss

    config = replace(config, arms=("lora",), training=TrainingConfig(max_steps=9, evaluations=3))
    with monkeypatch.context() as patch:
        patch.setattr(StepTrainer, "training_step", diverging)
        result = run_study(config, tmp_path / "out", executor=in_process)
    run = next((tmp_path / "out" / "runs").iterdir())
    (lora,) = result.arms
    assert lora.status == "failed"
    assert "the loss was nan by step 8 of 9" in lora.reason
    assert re.search(rf"at step [36], .* kept in runs/{run.name}/best", lora.reason)
    assert "the loss was nan by step 8" in (tmp_path / "out" / "report.md").read_text()
    assert np.isfinite(lightune.load(run / "best").logits(["The plot is dull."])).all()
    steps = []
    again = run_study(config, tmp_path / "out", lambda event: steps.append(event.done), in_process)
    assert again.arms[0].status == "done"
    assert 1 in steps
    assert not (run / "best").exists()


# -------------------------------------------------------------------------------- a worker's end, seen from its parent


@pytest.fixture
def spec(config, tmp_path) -> RunSpec:
    folders = (str(tmp_path / name) for name in ("run", "arm", "cache"))
    return RunSpec(config, "lora", RunKey("lora", 27, 0), "f" * 64, "nowhere", *folders)


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Put a shell script in the worker's place."""

    def place(script: str) -> None:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(executors.sys, "executable", str(path))

    return place


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -9 $$", "ran out of memory"),
        ("kill -TERM $$", "SIGTERM"),
        ("exit 143", "SIGTERM"),
        ("echo std::bad_alloc >&2; kill -ABRT $$", "ran out of memory"),
        ("kill -ABRT $$", "SIGABRT"),
        ("""echo '{"out_of_memory": "nothing left"}'; exit 1""", "nothing left"),
        ("""echo '{"failed": "no room for a record"}'; exit 1""", "no room for a record"),
        ("echo first >&2; echo the last words >&2; exit 3", "code 3: the last words"),
        ("exit 4", "code 4"),
        ("exit 0", "code 0"),
        ('echo \'{"status": 1}\' > "$(dirname $4)/record.json"', "code 0"),
    ],
)
def test_however_a_worker_ends_the_run_is_recorded_as_failed_with_a_sentence(spec, worker, script, said):
    worker(script)
    record = in_worker(spec, lambda *_: None)
    assert record.status == "failed"
    assert said in record.reason
    assert read_record(Path(spec.folder)) == record


def test_a_record_from_before_is_not_taken_for_this_run_s(spec, worker):
    in_process(spec, lambda *_: None)  # fails: its data are nowhere
    before = read_record(Path(spec.folder))
    worker("exit 5")
    assert "code 5" in in_worker(spec, lambda *_: None).reason
    assert "code 5" not in before.reason


def test_a_run_that_is_done_is_done_however_its_process_leaves(spec, worker, tmp_path):
    done = replace(failed_record(spec, "none"), status="done", reason=None)
    (tmp_path / "done.json").write_text(dumps(done))
    worker(f"cp '{tmp_path}/done.json' \"$(dirname $4)/record.json\"; kill -9 $$")
    assert in_worker(spec, lambda *_: None) == done


def test_progress_is_passed_on_and_what_libraries_print_is_not(spec, worker):
    worker(
        """echo hello; echo '{"phase": "train", "done": 1, "total": 2, "facts": {"loss": 0.5}}'; echo '[]'; echo 3"""
    )
    heard = []
    in_worker(spec, lambda *event: heard.append(event))
    assert heard == [("train", 1, 2, {"loss": 0.5})]


@pytest.mark.full
@pytest.mark.parametrize("before", ["", "trap '' TERM;"], ids=["a worker that stops", "a worker that does not listen"])
def test_an_interruption_ends_the_worker_too(spec, worker, tmp_path, monkeypatch, before):
    monkeypatch.setattr(executors, "STOP_SECONDS", 0.5)
    line = '{"phase": "train", "done": 1, "total": 2, "facts": {}}'
    left = tmp_path / "left alone"
    work = f"for at in $(seq 600); do sleep 0.1; done; touch '{left}'"
    worker(f"echo $$ > {tmp_path}/pid; {before} echo '{line}'; {work}")

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_worker(spec, interrupt)
    assert not left.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.full
def test_a_second_interruption_does_not_wait_for_the_worker(spec, worker, monkeypatch):
    monkeypatch.setattr(executors, "STOP_SECONDS", 600.0)
    line = '{"phase": "train", "done": 1, "total": 2, "facts": {}}'
    worker(f"trap '' TERM; echo $$ >&2; echo '{line}'; for at in $(seq 600); do sleep 0.1; done")

    def interrupt(*_):
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_worker(spec, interrupt)
    pid = int((Path(spec.folder) / "worker.log").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.full
def test_a_worker_waits_for_one_that_is_still_at_the_run(spec, monkeypatch):
    """The study before it was killed, and its worker is about to see that."""
    monkeypatch.setattr(worker_module, "ORPHAN_SECONDS", 0.1)
    folder = Path(spec.folder)
    folder.mkdir()
    asked = folder / "spec.json"
    asked.write_text(json.dumps(spec.to_json()))
    done = []

    def run(spec, progress):
        done.append(spec.key)
        return failed_record(spec, "It was done.")

    monkeypatch.setattr(executors, "attempt", run)
    with FileLock(folder / ".lock"):
        assert worker_module._run(asked) == 1
    assert not done
    assert "still at it" in read_record(folder).reason
    assert worker_module._run(asked) == 1
    assert done == [spec.key]


@pytest.mark.full
def test_what_the_worker_waited_for_has_done_is_not_done_again(spec, monkeypatch):
    folder = Path(spec.folder)
    folder.mkdir()
    asked = folder / "spec.json"
    asked.write_text(json.dumps(spec.to_json()))
    done = []

    def run(spec, progress):
        done.append(spec.key)
        return failed_record(spec, "It was done again.")

    monkeypatch.setattr(executors, "attempt", run)
    record = replace(failed_record(spec, ""), status="done", reason=None)
    (folder / "record.json").write_text(dumps(record))
    assert worker_module._run(asked) == 0
    assert not done
    (folder / "record.json").write_text(dumps(replace(record, fingerprint="of other settings")))
    assert worker_module._run(asked) == 1
    assert done == [spec.key]


@pytest.mark.full
def test_a_file_in_the_working_directory_does_not_take_a_library_s_place(tiny_gpt2, tmp_path, monkeypatch):
    (tmp_path / "datasets.py").write_text("raise SystemExit('mine')")
    (tmp_path / "tokenizers.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    data = write_reviews(tmp_path / "reviews", 30, 10)
    result = run_study(quick_config(tiny_gpt2, data), tmp_path / "out")
    assert [arm.status for arm in result.arms] == ["done"]


@pytest.mark.parametrize("metric", ["auroc", "pr_auc"])
def test_a_metric_that_validation_cannot_give_is_refused_as_the_one_to_choose_by(tiny_gpt2, tmp_path, metric):
    rows = [*make_reviews(40), ("It is neither.", "middling")]
    folder = tmp_path / "rare"
    folder.mkdir()
    write_csv(folder / "train.csv", rows)
    write_csv(folder / "test.csv", make_reviews(10))
    config = quick_config(tiny_gpt2, folder, training=TrainingConfig(max_steps=2, select_by=metric))
    with pytest.raises(ConfigError, match=f"--select-by {metric}: .* none of 'middling'"):
        run_study(config, tmp_path / "out", executor=never)
    assert not (tmp_path / "out").exists()


@pytest.mark.full
def test_answers_that_are_no_numbers_are_the_arm_s_failure(config, tmp_path, monkeypatch):
    real = FittedAdapter.predict_each

    def broken(self, texts):
        answers = real(self, texts)
        answers.probabilities[0, -1, 0] = float("nan")
        return answers

    monkeypatch.setattr(FittedAdapter, "predict_each", broken)
    arms = _by_name(run_study(config, tmp_path / "out", executor=in_process))
    assert arms["lora"].status == "failed"
    assert "finite probabilities are expected, row 9" in arms["lora"].reason
    assert arms["pretrained"].status == "done"
