"""The same command again, more of it, and a study that was cut off."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import lightune
from lightune.arms.fitted_model import FittedModel
from lightune.config import TrainingConfig
from lightune.records import to_json
from lightune.study import Event, StudyFolder, in_process, run_study
from lightune.study import study as study_module
from tests.study.shared import Finished, never, quick_config, snapshot, unchanged, write_reviews

pytestmark = pytest.mark.full


class Recorder:
    """An executor that works here and remembers what it was asked for."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.runs: list[tuple[str, int]] = []
        self.stop_at = stop_at

    def __call__(self, spec, progress):
        self.runs.append((spec.key.arm, spec.key.seed))
        if spec.key.arm == self.stop_at:
            raise KeyboardInterrupt
        return in_process(spec, progress)


@pytest.fixture
def reviews(tmp_path) -> Path:
    return write_reviews(tmp_path / "reviews", 30, 10)


def test_the_same_call_again_fits_nothing_and_changes_nothing(finished):
    events: list[Event] = []
    with unchanged(finished.folder):
        again = run_study(finished.config, finished.folder, events.append, never)
    assert [event.kind for event in events if event.kind != "evaluate"] == ["data", "kept", "kept", "written"]
    assert to_json(again) == to_json(finished.result)


def test_fewer_arms_or_seeds_take_nothing_away(three_labels):
    with unchanged(three_labels.folder):
        run_study(replace(three_labels.config, arms=("pretrained",)), three_labels.folder, executor=never)


def test_more_arms_extend_a_study(tiny_gpt2, reviews, tmp_path):
    config = quick_config(tiny_gpt2, reviews)
    first = run_study(config, tmp_path / "out", executor=in_process)
    assert [arm.name for arm in first.arms] == ["pretrained"]
    assert first.comparisons == ()
    executor = Recorder()
    # Other settings of an arm that the study does not have yet are none of the others' business.
    more = replace(config, arms=("lora",), training=TrainingConfig(max_steps=2, evaluations=1))
    second = run_study(more, tmp_path / "out", executor=executor)
    assert executor.runs == [("lora", 0)]
    assert [arm.name for arm in second.arms] == ["pretrained", "lora"]
    assert second.arms[0].metrics == first.arms[0].metrics
    assert [(one.a, one.b) for one in second.comparisons] == [("lora", "pretrained")]
    assert "lora" in (tmp_path / "out" / "config.yaml").read_text()


@pytest.fixture
def two_seeds(three_labels: Finished, tmp_path: Path) -> tuple[Finished, Path, Recorder]:
    folder = three_labels.copy(tmp_path / "seeds")
    executor = Recorder()
    result = run_study(replace(three_labels.config, seeds=2), folder, executor=executor)
    return replace(three_labels, result=result, folder=folder), folder, executor


def test_more_seeds_extend_a_study_and_each_has_its_own_artefact(two_seeds, three_labels):
    done, folder, executor = two_seeds
    assert executor.runs == [("lora", 1)]
    lora = next(arm for arm in done.result.arms if arm.name == "lora")
    assert [entry.seed for entry in lora.seeds] == [0, 1]
    each = [entry.metrics["loss"] for entry in lora.seeds]
    assert each[0] != each[1]
    assert lora.metrics["loss"].value == pytest.approx(sum(each) / 2)
    assert [one.seed for one in done.result.comparisons] == [0, 1]
    before, after = snapshot(three_labels.folder / "arms"), snapshot(folder / "arms")
    assert {name: after[name] for name in before} == before
    assert "lora/seeds/1/adapter_model.safetensors" in after
    texts = ["The plot is dull."]
    own = lightune.load(folder / "arms" / "lora" / "seeds" / "1")
    assert (own.logits(texts) != lightune.load(folder).logits(texts)).any()


def test_the_first_seed_made_again_leaves_the_others_artefacts_alone(two_seeds, three_labels):
    done, folder, _ = two_seeds
    run = next((folder / "runs").glob("lora-*-s0"))
    (run / "record.json").unlink()
    others = folder / "arms" / "lora" / "seeds"
    with unchanged(others):
        result = run_study(replace(done.config, seeds=2), folder, executor=in_process)
    assert lightune.load(others / "1").verified
    before = next(arm for arm in three_labels.result.arms if arm.name == "lora").cost.artifact_bytes
    assert next(arm for arm in result.arms if arm.name == "lora").cost.artifact_bytes == before


def test_a_signal_while_it_tidies_up_leaves_nothing_behind(tiny_gpt2, reviews, tmp_path, monkeypatch):
    real, out = shutil.rmtree, tmp_path / "out"

    def interrupted(folder: Path, **options: bool) -> None:
        monkeypatch.setattr(study_module.shutil, "rmtree", real)
        next(path for path in Path(folder).rglob("*") if path.is_file()).unlink()
        raise KeyboardInterrupt

    def tidying(event: Event) -> None:
        if event.kind == "done":
            monkeypatch.setattr(study_module.shutil, "rmtree", interrupted)

    with pytest.raises(KeyboardInterrupt):
        run_study(quick_config(tiny_gpt2, reviews, arms=("majority",)), out, tidying, in_process)
    assert (out / "runs").is_dir()
    assert not StudyFolder(out).work.exists()


def test_what_was_done_before_an_interruption_is_kept(tiny_gpt2, reviews, tmp_path):
    config = quick_config(tiny_gpt2, reviews, arms=("pretrained", "lora"))
    out = StudyFolder(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run_study(config, out.root, executor=Recorder(stop_at="lora"))
    assert not out.results.exists()
    assert not out.work.exists()
    executor = Recorder()
    result = run_study(config, out.root, executor=executor)
    assert executor.runs == [("lora", 0)]
    assert [arm.status for arm in result.arms] == ["done", "done"]


class Watch:
    """Hears the steps of a training; interrupts it after `stop_after` of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.steps: list[int] = []
        self.notes: list[str] = []
        self.stop_after = stop_after

    def __call__(self, event: Event) -> None:
        note = (event.facts or {}).get("note")
        if note is not None:
            self.notes.append(note)
        elif event.kind == "progress" and event.phase == "train":
            self.steps.append(event.done)
            if self.stop_after is not None and event.done > self.stop_after:
                raise KeyboardInterrupt


@pytest.fixture
def cut_off(tiny_gpt2, reviews, tmp_path):
    """A study of `lora` that was interrupted after step 4 of 6, with a checkpoint at step 4."""
    training = TrainingConfig(max_steps=6, evaluations=3, patience=0)
    config = quick_config(tiny_gpt2, reviews, arms=("lora",), training=training)
    with pytest.raises(KeyboardInterrupt):
        run_study(config, tmp_path / "out", Watch(stop_after=4), in_process)
    *_, checkpoint = sorted((tmp_path / "out").glob("runs/*/checkpoints/checkpoint-*"))
    assert checkpoint.name == "checkpoint-4"
    return config, tmp_path / "out", checkpoint


def test_a_training_that_was_cut_off_goes_on_from_its_checkpoint(cut_off):
    config, out, _ = cut_off
    watch = Watch()
    result = run_study(config, out, watch, in_process)
    assert result.arms[0].status == "done"
    assert watch.steps[0] == 5
    assert result.arms[0].training.steps == 6
    assert not list(out.glob("runs/*/checkpoints"))


def test_a_training_with_other_settings_does_not_go_on_from_a_checkpoint(cut_off):
    config, out, _ = cut_off
    watch = Watch()
    other = replace(config, training=replace(config.training, learning_rate=1e-4))
    result = run_study(other, out, watch, in_process)
    assert result.arms[0].status == "done"
    assert watch.steps[0] == 1
    rates = [point.learning_rate for point in result.arms[0].training.history if point.learning_rate is not None]
    assert max(rates) <= 1e-4


def test_a_broken_checkpoint_is_named_and_the_one_before_it_serves(cut_off):
    config, out, checkpoint = cut_off
    damaged = checkpoint / "optimizer.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:20])
    watch = Watch()
    result = run_study(config, out, watch, in_process)
    assert result.arms[0].status == "done"
    assert watch.steps[0] == 3
    assert any("Checkpoint-4 is broken (optimizer.safetensors" in note for note in watch.notes)
    assert any("goes on from checkpoint-2" in note for note in result.arms[0].notes)


def test_checkpoints_whose_mark_was_harmed_are_removed_aloud(cut_off):
    config, out, checkpoint = cut_off
    (checkpoint.parent / "fingerprint").write_bytes(b"\xff")
    watch = Watch()
    assert run_study(config, out, watch, in_process).arms[0].status == "done"
    assert watch.steps[0] == 1
    assert any("removed" in note for note in watch.notes)


def test_a_damaged_record_is_a_run_that_was_not_done(three_labels, tmp_path):
    folder = three_labels.copy(tmp_path / "copy")
    record = next(folder.glob("runs/pretrained-*/record.json"))
    for damage in ("3", "{", json.dumps({"status": "done"})):
        record.write_text(damage)
        executor = Recorder()
        run_study(three_labels.config, folder, executor=executor)
        assert executor.runs == [("pretrained", 0)]


def test_what_another_process_did_in_the_meantime_is_kept(tiny_gpt2, reviews, tmp_path, monkeypatch):
    config = quick_config(tiny_gpt2, reviews)
    real = study_module.preflight

    def slow(*args):
        monkeypatch.setattr(study_module, "preflight", real)
        run_study(config, tmp_path / "out", executor=in_process)
        return real(*args)

    monkeypatch.setattr(study_module, "preflight", slow)
    result = run_study(config, tmp_path / "out", executor=never)
    assert [arm.status for arm in result.arms] == ["done"]


def test_what_failed_after_the_training_does_not_train_again(tiny_gpt2, reviews, tmp_path, monkeypatch):
    config = quick_config(tiny_gpt2, reviews, arms=("lora",))
    with monkeypatch.context() as broken:
        broken.setattr(FittedModel, "predict_each", _full_disk)
        failed = run_study(config, tmp_path / "out", executor=in_process)
    assert (failed.arms[0].status, failed.arms[0].reason) == ("failed", "OSError: no room")
    watch = Watch()
    result = run_study(config, tmp_path / "out", watch, in_process)
    assert result.arms[0].status == "done"
    assert watch.steps == []
    assert result.arms[0].training.steps == 3


def _full_disk(*_):
    raise OSError("no room")


def test_a_training_that_the_disk_ended_goes_on_when_there_is_room(tiny_gpt2, reviews, tmp_path):
    training = TrainingConfig(max_steps=6, evaluations=3, patience=0)
    config = quick_config(tiny_gpt2, reviews, arms=("lora",), training=training)

    def full(event: Event) -> None:
        if event.kind == "progress" and event.phase == "train" and event.done > 4:
            _full_disk()

    failed = run_study(config, tmp_path / "out", full, in_process)
    assert failed.arms[0].status == "failed"
    watch = Watch()
    assert run_study(config, tmp_path / "out", watch, in_process).arms[0].status == "done"
    assert watch.steps[0] == 5
