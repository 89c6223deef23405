"""A search on a tiny model: it finds the rate that is known to be better, prunes, goes on, and sees no test row."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import torch
from filelock import FileLock
from optuna.trial import TrialState

from lightune.config import (
    NONE,
    AnalysisConfig,
    DataConfig,
    ModelConfig,
    StudyConfig,
    TrainingConfig,
    config_to_yaml,
)
from lightune.errors import ConfigError, MachineError, RunError
from lightune.models import find_model, load_classifier
from lightune.records import Rows
from lightune.search import Among, Place, Settings, Space, Trial, find_settings, run_search, running
from lightune.search import search as searching
from lightune.search import training as trainings
from lightune.search.asked import dimensions
from lightune.search.space import BLOCKS, METHOD, RATE
from lightune.search.spec import Work
from lightune.study import in_process
from tests.study.shared import write_reviews

# The first is too small to learn anything in so few steps, the last too large to stay with it.
RATES = Space((Among(RATE, (1e-6, 1e-2, 3.0)),), {RATE: 1e-6})
STEPS = 18


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reviews(tmp_path_factory.mktemp("data"), 80, 30)


def asked(model: Path, data: Path, **training: Any) -> StudyConfig:
    options = {"max_steps": STEPS, "evaluations": 2, "top_blocks": 1, **training}
    return StudyConfig(
        ModelConfig(str(model)),
        DataConfig(str(data), validation_size=24),
        ("lora",),
        TrainingConfig(**options),
        analysis=AnalysisConfig(behaviour=NONE),
    )


def by_optuna(out: Path) -> optuna.Study:
    """What optuna's own tools see."""
    return optuna.load_study(study_name="search", storage=f"sqlite:///{out}/search/trials.db")


def scores(found: Settings) -> list[tuple[float, ...]]:
    return [trial.scores for trial in found.searched.trials]


@pytest.mark.full
def test_the_better_rate_wins_and_the_others_are_pruned(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    told: list[Trial] = []
    config = asked(deep_bases["gpt2"], data)
    found = find_settings(config, tmp_path, 9, RATES, on_trial=lambda trial, _: told.append(trial))
    assert found.winner.values == {RATE: 1e-2}
    assert found.searched.rungs == (2, 6, 18)
    assert found.config.training.learning_rate == 1e-2
    assert found.config.methods.searched == 9
    came = [len(trial) for trial in scores(found)]
    assert len(came) == 9
    assert sum(one == 1 for one in came) >= 4
    assert len(told) == sum(came)
    # What they shared and left: the trunk's states, and no checkpoint.
    assert len(list((tmp_path / ".cache").glob("trunk-*"))) == 1
    assert not (tmp_path / "search" / "trials").exists()
    # Done is done: nothing is trained again, and what a process left that was killed after its last trial is gone.
    texts = tmp_path / "search" / "handed" / "train.parquet"
    texts.parent.mkdir()
    texts.touch()
    again = find_settings(config, tmp_path, 9, RATES, on_trial=lambda *_: pytest.fail("it was trained again"))
    assert again == found
    assert not texts.parent.exists()


@pytest.mark.full
def test_without_pruning_it_finds_the_same(deep_bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    config = asked(deep_bases["gpt2"], data)
    pruned = find_settings(config, tmp_path / "a", 6, RATES)
    whole = find_settings(config, tmp_path / "b", 6, RATES, pruned=False)
    assert {len(trial.scores) for trial in whole.searched.trials} == {1}
    assert whole.searched.rungs == (STEPS,)
    assert pruned.winner.scores[-1] == pytest.approx(whole.winner.scores[-1], abs=0.02)


class Cut(BaseException):
    """The process was ended."""


@pytest.mark.full
def test_one_that_was_cut_off_goes_on_from_where_it_was(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = asked(deep_bases["gpt2"], data)
    whole = find_settings(config, tmp_path / "whole", 5, RATES)
    stock = trainings.teach
    steps: list[int] = []

    def counted(*args: Any) -> Any:
        if len(steps) == 4:
            steps.append(0)
            raise Cut
        steps.append(args[3].recipe.steps)
        return stock(*args)

    monkeypatch.setattr(trainings, "teach", counted)
    with pytest.raises(Cut):
        find_settings(config, tmp_path / "cut", 5, RATES)
    kept = by_optuna(tmp_path / "cut").trials
    assert sum(len(trial.intermediate_values) for trial in kept) == 4
    assert not any(trial.state == TrialState.RUNNING for trial in kept)
    found = find_settings(config, tmp_path / "cut", 5, RATES)
    assert len(steps) == 1 + sum(len(trial.scores) for trial in whole.searched.trials)
    assert scores(found) == [pytest.approx(trial, abs=1e-6) for trial in scores(whole)]
    assert found.winner.values == whole.winner.values


@pytest.mark.full
def test_a_trial_goes_on_from_its_rung_as_if_it_had_not_stopped(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    one = Space(RATES.dimensions, {RATE: 1e-2})
    config = asked(deep_bases["gpt2"], data)
    stopped = find_settings(config, tmp_path / "a", 1, one)
    assert len(stopped.winner.scores) == 3
    looked = replace(config, training=replace(config.training, evaluations=9, patience=0))
    result = run_search(looked, tmp_path / "b", 1, one, executor=in_process)
    training = result.arms[0].training
    assert training is not None
    looks = {point.step: point.validation["loss"] for point in training.history if point.validation}
    best = [min(loss for step, loss in looks.items() if step <= rung) for rung in (2, 6, 18)]
    assert stopped.winner.scores == pytest.approx(best, abs=1e-5)


@pytest.mark.full
def test_all_trials_share_one_base_and_leave_it_as_it_was(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Any] = []
    stock = trainings.load_base

    def counted(context: Any) -> Any:
        loaded.append(stock(context))
        return loaded[-1]

    monkeypatch.setattr(trainings, "load_base", counted)
    find_settings(asked(deep_bases["bert"], data), tmp_path, 3, RATES)
    assert len(loaded) == 1
    base = loaded[0][0]
    fresh = load_classifier(find_model(str(deep_bases["bert"])), ("bad", "good"), 0).model
    assert not hasattr(base.model, "peft_config")
    values, wanted = base.model.state_dict(), fresh.state_dict()
    assert list(values) == list(wanted)
    assert all(torch.equal(values[name], wanted[name]) for name in wanted)


class Unseen:
    """Test rows that nobody may look at; their number is no secret."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the test rows' {name} was read")


@pytest.mark.full
def test_no_test_row_is_read_before_the_winner_is_measured(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = searching.load_splits

    def guarded(config: DataConfig) -> Any:
        splits = stock(config)
        return replace(splits, test=Unseen(splits.test))

    monkeypatch.setattr(searching, "load_splits", guarded)
    found = find_settings(asked(deep_bases["gpt2"], data), tmp_path, 3, RATES)
    assert len(found.searched.trials) == 3
    with pytest.raises(AssertionError, match="the test rows' texts was read"):
        _ = guarded(DataConfig(str(data))).test.texts


@pytest.mark.full
def test_the_winner_becomes_an_arm_that_tells_of_its_trials(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    config = asked(deep_bases["gpt2"], data)
    result = run_search(config, tmp_path, 3, RATES, executor=in_process)
    arm = result.arms[0]
    assert (arm.name, arm.status) == ("lora", "done")
    assert arm.training is not None
    assert arm.training.recipe["learning_rate"] == 1e-2
    said = "Its settings were chosen in a search of 3 trials over learning rate among 1e-06, 0.01, 3, by loss on the "
    assert any(note.startswith(f"{said}validation rows alone; the test rows had no part in it.") for note in arm.notes)
    assert arm.validation_use.startswith("chose the settings among those of 3 trials; ")
    # Its trunk was run by the search.
    assert any("had their states from an earlier run" in note for note in arm.notes)
    with pytest.raises(ConfigError, match=r"its arm 'lora' is trained already, .* Name another folder"):
        find_settings(config, tmp_path, 5, RATES)
    assert run_search(config, tmp_path, 3, RATES, executor=in_process).arms[0].metrics == arm.metrics


@pytest.mark.full
def test_an_earlier_winner_of_another_method_is_no_arm_of_the_study(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    config, space = asked(deep_bases["gpt2"], data, max_steps=2), dimensions(["method=lora,ia3"])
    found = find_settings(config, tmp_path, 2, space)
    (other,) = {"lora", "ia3"} - {found.config.arms[0]}
    # As after fewer trials, whose winner was to be trained when the process was killed.
    (tmp_path / "config.yaml").write_text(config_to_yaml(replace(found.config, arms=(other, "majority"))))
    result = run_search(config, tmp_path, 2, space, executor=in_process)
    assert other not in [arm.name for arm in result.arms]
    assert {arm.name for arm in result.arms} == {found.config.arms[0], "majority"}


@pytest.mark.full
def test_more_trials_go_on_and_other_options_are_refused(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    config = asked(deep_bases["gpt2"], data)
    few = find_settings(config, tmp_path, 2, RATES)
    more = find_settings(config, tmp_path, 4, RATES)
    assert [trial.values for trial in more.searched.trials[:2]] == [trial.values for trial in few.searched.trials]
    other = replace(config, training=replace(config.training, max_steps=9))
    with pytest.raises(ConfigError, match="holds another search"):
        find_settings(other, tmp_path, 4, RATES)


@pytest.mark.full
def test_where_all_diverge_it_says_so(deep_bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    space = Space((Among(RATE, (1e20, 1e21)),), {RATE: 1e20})
    config = asked(deep_bases["gpt2"], data, schedule="constant", warmup=0.0)
    with pytest.raises(RunError, match="The training diverged in each of 2 trials"):
        find_settings(config, tmp_path, 2, space)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arms": ("full",)}, "--method: one of lora, .* is expected, got 'full'"),
        ({"arms": ("pissa",)}, "--method: one of lora, .* is expected, got 'pissa'"),
        ({"arms": ("lora", "dora")}, "--arms dora: arms that are not trained are expected"),
        ({"seeds": 2}, "one test split, one seed and no curve are expected"),
        ({"training": TrainingConfig(top_blocks=9)}, "--top-blocks 9: the model has 4 blocks"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    config = replace(asked(deep_bases["gpt2"], data), **change)
    with pytest.raises(ConfigError, match=said):
        find_settings(config, tmp_path / "out", 2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("first", ["lora", "ia3"])
def test_a_first_trial_of_a_method_that_is_not_searched_over_is_refused(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, first: str
) -> None:
    config = replace(asked(deep_bases["gpt2"], data), arms=(first,))
    with pytest.raises(ConfigError, match=f"--method {first}: one of those that are searched over, loha, dora, is"):
        find_settings(config, tmp_path / "out", 2, dimensions(["method=loha,dora"]))
    assert not (tmp_path / "out").exists()


@pytest.mark.full
def test_a_database_that_cannot_be_opened_is_told_before_anything_is_written(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    place = Place(f"sqlite:///{tmp_path}/nowhere/trials.db")
    with pytest.raises(
        ConfigError, match=r"--storage sqlite:.*/nowhere/trials\.db: it cannot be opened \(unable to open"
    ):
        find_settings(asked(deep_bases["gpt2"], data), tmp_path / "out", 2, place=place)
    assert not (tmp_path / "out").exists()


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_trials_may_be_in_a_database_that_a_url_names(deep_bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    config, place = asked(deep_bases["gpt2"], data, max_steps=3), Place(f"sqlite:///{tmp_path}/trials.db")
    found = find_settings(config, tmp_path / "one", 2, RATES, place=place)
    other = find_settings(config, tmp_path / "other", 2, RATES, place=place)
    assert found.winner.values == other.winner.values
    assert not (tmp_path / "one" / "search" / "trials.db").exists()
    studies = {name: optuna.load_study(study_name=name, storage=place.storage) for name in _studies(place)}
    assert sorted(name.rpartition("-")[0] for name in studies) == ["one", "other"]
    assert all(study.best_value == found.winner.scores[-1] for study in studies.values())
    never = lambda *_: pytest.fail("it was trained again")  # noqa: E731
    assert find_settings(config, tmp_path / "one", 2, RATES, place=place, on_trial=never) == found
    with pytest.raises(ConfigError, match=r"its trials are at sqlite:.*trials\.db\. Give that with --storage"):
        find_settings(config, tmp_path / "one", 2, RATES)


def _studies(place: Place) -> list[str]:
    return optuna.get_all_study_names(str(place.storage))


def test_without_optuna_it_says_what_to_install(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'lightune\[search\]'"):
        find_settings(asked(deep_bases["gpt2"], data), tmp_path / "out", 2)


@pytest.mark.full
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_texts_that_were_being_handed_over_do_not_stay(
    tiny_gpt2: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    stock = searching.hand_over

    def cut_off(folder: Path, *args: Any) -> None:
        stock(folder, *args)
        raise error

    monkeypatch.setattr(searching, "hand_over", cut_off)
    with pytest.raises((KeyboardInterrupt, MachineError)):
        find_settings(asked(tiny_gpt2, data), tmp_path / "out", 2, RATES, place=Place(workers=2))
    assert not (tmp_path / "out" / "search" / "handed").exists()


@pytest.mark.full
def test_a_disk_that_is_full_is_told_with_the_folder(tiny_gpt2: Path, data: Path, tmp_path: Path, monkeypatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(searching._Search, "run", full)
    with pytest.raises(MachineError, match=f"{tmp_path / 'out'} cannot be written: No space left.*are free"):
        find_settings(asked(tiny_gpt2, data), tmp_path / "out", 2)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_optuna_reads_the_trials_and_their_ends(deep_bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    found = find_settings(asked(deep_bases["gpt2"], data), tmp_path, 4, RATES)
    study = by_optuna(tmp_path)
    assert study.best_trial.number == found.winner.number
    assert study.best_trial.params == found.winner.values
    assert study.best_value == found.winner.scores[-1]
    assert set(study.trials_dataframe()["state"]) == {"COMPLETE", "PRUNED"}
    looks = [tuple(trial.intermediate_values.values()) for trial in study.trials]
    assert looks == scores(found)
    assert list(study.best_trial.intermediate_values) == [2, 6, 18]


@pytest.mark.full
def test_trials_of_other_methods_blocks_and_modules_share_the_base(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Any] = []
    stock = trainings.load_base

    def counted(context: Any) -> Any:
        loaded.append(stock(context))
        return loaded[-1]

    monkeypatch.setattr(trainings, "load_base", counted)
    # peft turns GPT-2's layers into Linear ones for LoHa, and back they must be.
    words = ["method=loha,ln-tuning,lora", "top-blocks=1,half,all", "target-modules=attention,mlp,all", "rank=2"]
    config = replace(asked(deep_bases["gpt2"], data, max_steps=2), arms=("loha",))
    found = find_settings(config, tmp_path, 7, dimensions(words), pruned=False)
    assert {trial.values[METHOD] for trial in found.searched.trials} == {"loha", "ln-tuning", "lora"}
    assert len({trial.values[BLOCKS] for trial in found.searched.trials}) > 1
    assert [trial.state for trial in found.searched.trials] == ["complete"] * 7
    assert found.config.arms == (found.winner.values[METHOD],)
    assert len(loaded) == 1
    fresh = load_classifier(find_model(str(deep_bases["gpt2"])), ("bad", "good"), 0).model
    values, wanted = loaded[0][0].model.state_dict(), fresh.state_dict()
    assert list(values) == list(wanted)
    assert all(torch.equal(values[name], wanted[name]) for name in wanted)
    # What a trial gives does not depend on those before it on the same base.
    last = found.searched.trials[-1]
    alone = Space(tuple(Among(option, (value,)) for option, value in last.values.items()), last.values)
    again = find_settings(replace(config, arms=(str(last.values[METHOD]),)), tmp_path / "alone", 1, alone, pruned=False)
    assert again.winner.scores == pytest.approx(last.scores, abs=1e-6)


@pytest.mark.full
def test_a_trial_that_cannot_be_trained_is_failed_and_the_others_go_on(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = trainings.teach

    def poor(*args: Any) -> Any:
        if args[3].recipe.learning_rate == 1e-6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return stock(*args)

    monkeypatch.setattr(trainings, "teach", poor)
    found = find_settings(asked(deep_bases["gpt2"], data), tmp_path, 3, RATES)
    assert found.searched.trials[0].state == "failed"
    assert found.searched.trials[0].reason == "OutOfMemoryError: CUDA out of memory"
    assert found.winner.number > 0
    with pytest.raises(RunError, match=r"None of 1 trials could be trained\. Of one it was said: OutOfMemoryError"):
        find_settings(asked(deep_bases["gpt2"], data), tmp_path / "one", 1, RATES)


@pytest.mark.full
def test_time_ends_a_search_which_is_then_done(
    deep_bases: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(running.time, "monotonic", lambda: now[0])
    stock = trainings.Trainings.attempt

    def slow(self: Any, work: Any) -> Any:
        now[0] += 1.0 * self.facts.rungs[work.rung]
        return replace(stock(self, work), seconds=1.0 * self.facts.rungs[work.rung])

    monkeypatch.setattr(trainings.Trainings, "attempt", slow)
    config = asked(deep_bases["gpt2"], data)
    found = find_settings(config, tmp_path, None, RATES, minutes=1.0)
    assert 1 < len(found.searched.trials) < 20
    assert len(found.winner.scores) == 3
    assert found.searched.spent <= 60 - 18 + 6  # the winner's training in the study takes 18
    again = find_settings(config, tmp_path, None, RATES, minutes=1.0, on_trial=lambda *_: pytest.fail("not done"))
    assert again == found
    more = find_settings(config, tmp_path, None, RATES, minutes=1.5)
    assert len(more.searched.trials) > len(found.searched.trials)


def test_whoever_still_holds_a_trial_is_named_by_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainings, "ORPHAN_SECONDS", 0.1)
    made = object.__new__(trainings.Trainings)
    monkeypatch.setattr(made, "context", SimpleNamespace(scratch=tmp_path), raising=False)
    lock = tmp_path / "7.lock"
    with FileLock(lock), pytest.raises(MachineError, match=f"Trial 7: .* has held {lock} for .*End it"):
        made.attempt(Work(7, {}, 0))
