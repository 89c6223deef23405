"""A training that several processes share is the one that one process does: its losses, its weights, its looks, and
what it goes on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lightune.training.checkpoints import Checkpoints
from lightune.training.fit import LOGGED_POINTS
from tests.training.sharing import Job, Shared, shared

pytestmark = pytest.mark.full

CLOSE = 1e-5
# 40 rows: steps of 16, 16 and 8 rows, an epoch and a half.
OPTIONS = {"max_steps": 5, "evaluations": 2, "learning_rate": 1e-2}
NARROW = {**OPTIONS, "batch_size": 3, "accumulation": 5, "class_weights": "balanced"}
ONE_LOOK = {"max_steps": 1, "evaluations": 1}
LOOKS = (1, 7, 101)


def numbers(history: list[dict[str, Any]]) -> list[float]:
    """Each number of a training's steps and looks, in order."""
    found: list[float] = []
    for point in history:
        found += [point[name] for name in ("step", "train_loss", "gradient_norm") if point[name] is not None]
        found += [value for _, value in sorted((point["validation"] or {}).items())]
    return found


def largest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one)


class Both:
    """The same jobs done by several processes and by this one."""

    def __init__(self, root: Path, base: Path) -> None:
        self.root, self.base = root, str(base)

    def job(self, name: str, **changes: Any) -> Job:
        return Job(name, self.base, str(self.root / "checkpoints" / name), **{"options": OPTIONS, **changes})

    def alone(self, name: str, **changes: Any) -> tuple[dict[str, torch.Tensor], list[Any]]:
        training, history = self.job(f"{name} alone", **changes).fit()
        return training.weights(), json.loads(json.dumps(history))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, bases: dict[str, Path]) -> Both:
    return Both(tmp_path_factory.mktemp("shared"), bases["gpt2"])


CASES: dict[str, dict[str, Any]] = {
    "whole steps": {},
    "many micro-batches": {"options": NARROW},
    "adalora": {"method": "adalora"},
    **{f"{rows} rows": {"validation": rows, "options": ONE_LOOK} for rows in LOOKS},
}


@pytest.fixture(scope="module")
def two(both: Both) -> Shared:
    """All of CASES by two processes, and trainings that do not come to their end."""
    jobs = [both.job(name, **changes) for name, changes in CASES.items()]
    jobs.append(both.job("cut", event=(0, 4, "halt")))
    jobs.append(both.job("signalled", event=(1, 3, "SIGTERM")))
    jobs.append(both.job("away", options={**OPTIONS, "learning_rate": 1e30}))
    return shared(both.root / "two", jobs)


@pytest.mark.parametrize("name", CASES)
def test_losses_looks_and_weights_are_those_of_one_process(both, two, name):
    weights, history = both.alone(name, **CASES[name])
    assert two.codes == (0, 0)
    assert numbers(two.said(name)["history"]) == pytest.approx(numbers(history), abs=CLOSE, nan_ok=True)
    assert largest(two.weights(name), weights) < CLOSE


def test_every_process_decides_by_the_same_numbers(two):
    for name in CASES:
        assert numbers(two.said(name, 1)["history"]) == numbers(two.said(name)["history"])


def test_a_training_that_diverges_does_so_in_every_process(two):
    assert [two.said("away", rank)["ended"] for rank in (0, 1)] == ["Diverged", "Diverged"]


@pytest.fixture(scope="module")
def three(both: Both, two: Shared) -> Shared:
    """Looks of three processes, and the training that two have left at its third step."""
    looks = [both.job(f"{rows} rows of three", validation=rows, options=ONE_LOOK) for rows in LOOKS]
    return shared(both.root / "three", [*looks, both.job("cut")], size=3)


def test_three_processes_count_every_row_once_too(both, three):
    assert three.codes == (0, 0, 0)
    for rows in LOOKS:
        _, history = both.alone(f"{rows} rows of three", validation=rows, options=ONE_LOOK)
        assert numbers(three.said(f"{rows} rows of three")["history"]) == pytest.approx(
            numbers(history), abs=CLOSE, nan_ok=True
        )


def test_what_two_processes_have_left_three_go_on_with(both, two, three):
    assert two.said("cut")["ended"] == "Halted"
    weights, history = both.alone("uncut")
    assert numbers(three.said("cut")["history"]) == pytest.approx(numbers(history), abs=CLOSE, nan_ok=True)
    assert largest(three.weights("cut"), weights) < CLOSE


# As `accelerate launch --use_fsdp --fsdp_version 2 --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP` says it.
SHARDING = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
}


def test_a_model_that_is_spread_over_processes_learns_the_same(both):
    jobs = [
        both.job("spread"),
        both.job("spread cut", options=NARROW, event=(0, 4, "halt")),
        both.job("spread cut", options=NARROW),
        both.job("spread stopped", event=(1, 3, "SIGTERM")),
    ]
    found = shared(both.root / "spread", jobs, sharding=SHARDING)
    assert found.codes == (0, 0)
    assert found.said("spread")["spread"]
    for name, options in (("spread", OPTIONS), ("spread cut", NARROW)):
        weights, history = both.alone(name, options=options)
        assert numbers(found.said(name)["history"]) == pytest.approx(numbers(history), abs=CLOSE, nan_ok=True)
        assert largest(found.weights(name), weights) < CLOSE
    # One process goes on with what two have left.
    assert found.said("spread stopped")["ended"] == "Stopped"
    training, _ = both.job("spread stopped").fit()
    assert largest(training.weights(), found.weights("spread")) < CLOSE


def test_a_spread_model_whose_activations_are_computed_again_learns_the_same(both):
    again = {**SHARDING, "FSDP_ACTIVATION_CHECKPOINTING": "true"}
    found = shared(both.root / "again", [both.job("again")], sharding=again)
    assert found.codes == (0, 0)
    weights, _ = both.alone("again")
    assert largest(found.weights("again"), weights) < CLOSE


def test_a_signal_to_one_process_stops_all_where_one_alone_goes_on(both, two):
    name = "signalled"
    assert [two.said(name, rank) for rank in (0, 1)] == [{"ended": "Stopped", "heard": [15]}] * 2
    assert stands_at(both, name) == "checkpoint-3"
    training, history = both.job(name).fit()
    weights, uncut = both.alone(f"{name} uncut")
    assert numbers(json.loads(json.dumps(history))) == pytest.approx(numbers(uncut), abs=CLOSE, nan_ok=True)
    assert largest(training.weights(), weights) < CLOSE


def test_where_one_process_is_lost_the_first_saves_what_one_alone_goes_on_from(both):
    name = "lost"
    found = shared(both.root / name, [both.job(name, event=(1, 3, "SIGKILL"))])
    assert found.codes == (0, -9)
    assert found.said(name)["ended"] == "Lost"
    assert stands_at(both, name) == "checkpoint-3"
    training, _ = both.job(name).fit()  # whose loss of the third step may not have been logged
    weights, _ = both.alone(f"{name} uncut")
    assert largest(training.weights(), weights) < CLOSE


def test_a_process_that_is_lost_where_nothing_is_logged_is_lost_too(both):
    name = "lost unlogged"
    options = {**OPTIONS, "max_steps": 2 * LOGGED_POINTS, "evaluations": 1}  # each second step is logged
    found = shared(both.root / name, [both.job(name, options=options, event=(1, 3, "SIGKILL"))])
    assert found.codes == (0, -9)
    assert found.said(name)["ended"] == "Lost"
    assert stands_at(both, name) == "checkpoint-3"


def stands_at(both: Both, name: str) -> str | None:
    """The checkpoint that the training of this name would go on from."""
    folder = Checkpoints(Path(both.job(name).folder)).newest().folder
    return None if folder is None else folder.name
