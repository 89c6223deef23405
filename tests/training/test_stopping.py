"""A signal while a training runs: it stops where it can be saved, loses no step that was done, and goes on to the same
weights."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lightune.ranks import SOLO, Group
from lightune.training import trainer as trainer_module
from lightune.training.saved_state import RandomState
from lightune.training.stopping import SafeStop, Stopped
from tests.training.tiny import Training, measure


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """What a handler of SIGTERM that was there before hears."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


def test_where_it_is_allowed_it_stops_at_once_and_the_signal_goes_on_to_its_owner(heard):
    did = []

    def work() -> None:
        with SafeStop() as stop, stop.allowed():
            signal.raise_signal(signal.SIGTERM)
            did.append("went on")

    with pytest.raises(Stopped) as raised:
        work()
    assert (did, heard, raised.value.code) == ([], [signal.SIGTERM], 143)


def test_elsewhere_it_waits_for_the_next_place_and_a_second_one_changes_nothing(heard):
    did = []

    def work() -> None:
        with SafeStop() as stop:
            signal.raise_signal(signal.SIGTERM)
            did.append("optimizer")
            signal.raise_signal(signal.SIGINT)
            did.append("schedule")
            with stop.allowed():
                did.append("next step")

    with pytest.raises(Stopped):
        work()
    assert did == ["optimizer", "schedule"]
    assert heard == [signal.SIGTERM]


class Meanwhile(Group):
    """A group in which nobody was asked to stop yet when the processes compare, and this one is while they do."""

    def most(self, number: int) -> int:
        signal.raise_signal(signal.SIGTERM)
        return number


def test_a_signal_that_comes_while_processes_agree_is_heard_the_next_time(heard):
    did = []

    def work() -> None:
        with SafeStop(Meanwhile()) as stop:
            stop.ask()
            did.append("a step")
            stop.ask()
            did.append("another step")

    with pytest.raises(Stopped):
        work()
    assert did == ["a step"]
    assert heard == [signal.SIGTERM]


def test_what_ignores_a_signal_goes_on_ignoring_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with SafeStop() as stop, stop.allowed():
            signal.raise_signal(signal.SIGINT)
        assert stop.number is None
    finally:
        signal.signal(signal.SIGINT, before)


OPTIONS: dict[str, Any] = {"max_steps": 8, "evaluations": 3, "patience": 0, "batch_size": 4, "accumulation": 4}


class Interrupted:
    """A training of 8 steps, three an epoch, four micro-batches or so a step, that a signal meets once."""

    def __init__(self, bases: dict[str, Path], folder: Path) -> None:
        self.base, self.folder = bases["gpt2"], folder
        self.first = 0
        self.counts: dict[str, int] = {}

    def run(self, monkeypatch: pytest.MonkeyPatch, moment: tuple[str, int] | None, group: Group = SOLO) -> Training:
        """Train until `moment` (what, which one of it), or to the end."""
        training = Training(self.base)
        for module in training.model.modules():
            if hasattr(module, "lora_dropout"):  # so that each step draws random numbers
                module.lora_dropout["default"] = torch.nn.Dropout(0.3)
        counts = self.counts = {}

        def meet(what: str, *_: Any) -> None:
            counts[what] = counts.get(what, 0) + 1
            if (what, counts[what]) == moment:
                signal.raise_signal(signal.SIGINT)

        def told(phase: str, done: int, total: int, facts: Any) -> None:
            if not facts:
                self.first = self.first or done
                meet("step")

        self.first = 0
        part = trainer_module.StepTrainer._share_of_loss
        with monkeypatch.context() as patched:
            begin = _before(part, lambda: meet("micro-batch"))
            patched.setattr(trainer_module.StepTrainer, "_share_of_loss", begin)
            looked = _before(measure, lambda: meet("look"))
            training.fit(training.recipe(**OPTIONS), self.folder, progress=told, measure=looked, group=group)
        return training


def _before(call: Callable[..., Any], first: Callable[[], None]) -> Callable[..., Any]:
    def both(*args: Any) -> Any:
        first()
        return call(*args)

    return both


@pytest.fixture
def uncut(bases, tmp_path, monkeypatch) -> dict[str, torch.Tensor]:
    return Interrupted(bases, tmp_path / "uncut").run(monkeypatch, None).weights()


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.full
def test_a_training_that_signals_meet_everywhere_ends_as_if_there_had_been_none(bases, tmp_path, monkeypatch, uncut):
    training = Interrupted(bases, tmp_path / "cut")
    # In the middle of a first step, of a later one, of an epoch's first; in looks, the last one too; in an optimizer.
    moments = [("micro-batch", 2), ("micro-batch", 6), ("step", 1), ("look", 1), ("micro-batch", 2), ("look", 1)]
    moments += [("micro-batch", 6), ("step", 1), ("look", 1), ("look", 1)]
    for moment in moments[:2]:
        with pytest.raises(KeyboardInterrupt):
            training.run(monkeypatch, moment)
    assert {path.name for path in training.folder.iterdir()} == {"checkpoint-1", "plan.json"}
    ends = 0
    for moment in moments[2:]:
        try:
            training.run(monkeypatch, moment)
        except KeyboardInterrupt:
            ends += 1
    assert ends >= 4
    assert _same(training.run(monkeypatch, None).weights(), uncut)


@pytest.mark.full
def test_no_step_that_was_done_is_lost(bases, tmp_path, monkeypatch):
    training = Interrupted(bases, tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        training.run(monkeypatch, ("step", 5))
    training.run(monkeypatch, None)
    assert training.first == 6


@pytest.mark.full
def test_what_a_step_that_was_cut_off_had_drawn_would_be_missed(bases, tmp_path, monkeypatch, uncut):
    def now(trainer: Any) -> None:
        trainer.random = RandomState.now()
        real(trainer)

    real = trainer_module.StepTrainer.save_as_stopped
    monkeypatch.setattr(trainer_module.StepTrainer, "save_as_stopped", now)
    training = Interrupted(bases, tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        training.run(monkeypatch, ("micro-batch", 7))
    assert not _same(training.run(monkeypatch, None).weights(), uncut)


class OneOfSeveral(Group):
    """A process that does as one of several does, and is the only one."""

    alone = False


@pytest.mark.full
def test_several_processes_agree_before_each_micro_batch(bases, tmp_path, monkeypatch, uncut):
    training = Interrupted(bases, tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        training.run(monkeypatch, ("micro-batch", 6), OneOfSeveral())
    assert training.counts["micro-batch"] == 6  # of about eight in the two steps
    assert "checkpoint-1" in {path.name for path in training.folder.iterdir()}
    assert _same(training.run(monkeypatch, None).weights(), uncut)
