"""The search for a learning rate: which rates, in which order, and what is kept of it."""

from __future__ import annotations

import json
import math
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lightune.arms import make_arm
from lightune.arms.adapter import AdapterArm
from lightune.arms.base import ArmContext
from lightune.arms.rate_search import best_rate, rate_trials, search, trial_steps
from lightune.config import MethodsConfig, ModelConfig, StudyConfig, TrainingConfig
from lightune.errors import RunError
from lightune.progress import silent
from lightune.records import RateTrial
from tests.fixtures.reviews import as_rows, make_reviews


class Attempts:
    """Losses by rate; tells which rates were tried."""

    def __init__(self, losses: dict[float, float]) -> None:
        self.losses = losses
        self.tried: list[float] = []

    def __call__(self, rate: float) -> RateTrial:
        self.tried.append(rate)
        return RateTrial(rate, self.losses.get(rate, 9.0), 20, 0.0)


def test_the_rates_are_half_a_decade_apart_around_the_first(tmp_path: Path) -> None:
    attempt = Attempts({1e-3: 0.1})
    tried = search(1e-3, 3, attempt, tmp_path / "kept", print)
    assert attempt.tried == [3.16e-4, 1e-3, 3.16e-3]
    assert [trial.learning_rate for trial in tried] == attempt.tried
    assert best_rate(tried) == 1e-3


@pytest.mark.parametrize(("best", "beyond"), [(3.16e-3, 9.99e-3), (3.16e-4, 9.99e-5)])
def test_one_more_is_tried_beyond_the_end_where_the_best_stands_there(
    tmp_path: Path, best: float, beyond: float
) -> None:
    attempt = Attempts({best: 0.1, beyond: 0.05})
    tried = search(1e-3, 3, attempt, tmp_path / "kept", print)
    assert attempt.tried[3:] == [beyond]
    assert best_rate(tried) == beyond


def test_one_rate_alone_is_tried_alone(tmp_path: Path) -> None:
    attempt = Attempts({1e-3: 0.1})
    assert len(search(1e-3, 1, attempt, tmp_path / "kept", print)) == 1


def test_what_was_tried_before_a_cut_is_not_tried_again(tmp_path: Path) -> None:
    class Cut(Exception):
        pass

    def cut(rate: float) -> RateTrial:
        if rate == 3.16e-3:
            raise Cut
        return RateTrial(rate, 0.5 if rate == 1e-3 else 0.9, 20, 0.0)

    with pytest.raises(Cut):
        search(1e-3, 3, cut, tmp_path / "kept", print)
    attempt = Attempts({3.16e-3: 0.7})
    tried = search(1e-3, 3, attempt, tmp_path / "kept", print)
    assert attempt.tried == [3.16e-3]
    assert [trial.validation_loss for trial in tried] == [0.9, 0.5, 0.7]
    again = Attempts({})
    assert search(1e-3, 3, again, tmp_path / "kept", print) == tried
    assert again.tried == []


def test_a_diverged_trial_is_kept_too(tmp_path: Path) -> None:
    first = Attempts({1e-3: 0.5, 3.16e-3: math.nan})
    search(1e-3, 3, first, tmp_path / "kept", print)
    again = Attempts({})
    tried = search(1e-3, 3, again, tmp_path / "kept", print)
    assert again.tried == []
    assert math.isnan(tried[2].validation_loss)
    json.loads((tmp_path / "kept").read_text())


def test_a_diverged_rate_loses_and_alike_ones_go_to_the_smaller() -> None:
    trials = [RateTrial(rate, loss, 20, 0.0) for rate, loss in ((1e-3, 0.6), (3e-3, math.nan), (1e-2, math.inf))]
    assert best_rate(trials) == 1e-3
    assert best_rate([replace(trials[0], learning_rate=2.0), trials[0]]) == 1e-3
    assert best_rate(trials[1:]) is None


@pytest.mark.parametrize(("steps", "short"), [(1000, 250), (60, 20), (8, 8)])
def test_a_trial_is_a_quarter_of_the_training_but_no_less_than_twenty_steps(steps: int, short: int) -> None:
    assert trial_steps(steps) == short


@pytest.mark.parametrize(
    ("arms", "options", "count"),
    [
        (("lora",), {}, 0),
        (("tfidf", "probe", "lora", "full"), {}, 0),
        (("lora", "vera"), {}, 3),
        (("lora", "vera"), {"learning_rate": 1e-3}, 0),
        (("lora", "vera"), {"trials": 5}, 5),
        (("lora",), {"trials": 1}, 0),  # one alone leaves nothing to choose
        (("lora", "vera"), {"trials": 0}, 0),
        (("lora", "vera"), {"learning_rate": 1e-3, "trials": 2}, 2),
    ],
)
def test_how_many_are_tried(arms: tuple[str, ...], options: dict[str, Any], count: int) -> None:
    config = StudyConfig(
        arms=arms,
        training=TrainingConfig(learning_rate=options.get("learning_rate")),
        methods=MethodsConfig(rate_trials=options.get("trials")),
    )
    assert rate_trials(config) == count


TRAIN, HELD_OUT = as_rows(make_reviews(24)), as_rows(make_reviews(12, seed=1))


def arm_context(model: Path, scratch: Path, **training: Any) -> ArmContext:
    config = StudyConfig(
        ModelConfig(str(model)),
        arms=("lora", "bitfit"),
        training=TrainingConfig(**{"max_steps": 2, "evaluations": 1, **training}),
        methods=MethodsConfig(rate_trials=2),
    )
    scratch.mkdir(parents=True, exist_ok=True)
    return ArmContext("lora", config, ("bad", "good"), "good", "", 0, 24, scratch, scratch / "cache", silent)


@pytest.mark.full
def test_an_arm_trains_with_the_rate_that_its_trials_chose(bases: dict[str, Path], tmp_path: Path) -> None:
    fitted = make_arm(arm_context(bases["gpt2"], tmp_path)).fit(TRAIN, HELD_OUT)
    training = fitted.facts.training
    assert training is not None
    assert 2 <= len(training.trials) <= 3
    assert training.recipe["learning_rate"] == best_rate(training.trials)
    assert fitted.facts.validation_use.startswith("chose the learning rate by loss; ")
    # What the trials took is part of what the arm took.
    assert fitted.facts.rows > sum(trial.rows for trial in training.trials) > 0


@pytest.mark.full
def test_one_model_at_a_time_is_in_memory(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[Any]] = []
    alive: list[int] = []
    real = AdapterArm.adapted

    def adapted(self: AdapterArm, base: Any, lesson: Any) -> Any:
        alive.append(sum(one() is not None for one in made))
        model = real(self, base, lesson)
        made.extend(weakref.ref(parameter) for parameter in model.parameters())
        return model

    monkeypatch.setattr(AdapterArm, "adapted", adapted)
    make_arm(arm_context(bases["gpt2"], tmp_path)).fit(TRAIN, HELD_OUT)
    assert len(alive) >= 3
    assert set(alive) == {0}


@pytest.mark.full
def test_where_every_rate_diverges_the_run_says_which_were_tried(bases: dict[str, Path], tmp_path: Path) -> None:
    context = arm_context(bases["gpt2"], tmp_path, learning_rate=1e20, schedule="constant", warmup=0.0, max_steps=30)
    with pytest.raises(RunError, match=r"^The training diverged at each learning rate tried \(.*1e\+20.*\)\. "):
        make_arm(context).fit(TRAIN, HELD_OUT)


def test_trials_that_were_harmed_are_named_and_tried_anew(tmp_path):
    kept = tmp_path / "trials.json"
    said: list[str] = []
    search(1e-3, 3, lambda rate: RateTrial(rate, rate, 1, 1.0), kept, said.append)
    assert said == []
    kept.write_text(kept.read_text().replace('"steps": 1', '"steps": 2', 1))
    tried = search(1e-3, 3, lambda rate: RateTrial(rate, rate, 1, 1.0), kept, said.append)
    assert [trial.steps for trial in tried] == [1] * len(tried)
    assert said == ["trials.json is broken and is passed over; the learning rates are tried anew."]
