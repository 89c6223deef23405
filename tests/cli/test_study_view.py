"""What a terminal shows of runs that go on at once."""

from __future__ import annotations

import io

import pytest

from lightune.cli import study_view
from lightune.cli.output import PlainConsole
from lightune.cli.study_view import MOST_BARS, WAITING, TerminalView
from lightune.records import RunKey, RunRecord
from lightune.study import Event


def key(arm: str) -> RunKey:
    return RunKey(arm, 10, 0)


def progress(arm: str, phase: str, done: int, total: int, **facts: object) -> Event:
    return Event("progress", key(arm), phase, done, total, facts, title=arm)


def ended(arm: str) -> Event:
    return Event("done", key(arm), record=RunRecord(key(arm), "done", None, (0,), ""), title=arm)


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> TerminalView:
    target = PlainConsole(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(study_view, "progress_console", lambda: target)
    return TerminalView()


def bars(view: TerminalView) -> list[str]:
    return [task.description for task in view.bars.tasks if task.visible]


def test_each_run_has_a_bar_of_its_own_that_stays_in_its_place(view):
    with view:
        assert bars(view) == ["reading the data"]
        for arm in ("lora", "full"):
            view.on_event(Event("start", key(arm), title=arm))
        assert bars(view) == ["lora: loading", "full: loading"]
        view.on_event(progress("full", "train", 1, 4, loss=0.5))
        view.on_event(progress("lora", "train", 3, 4))
        assert bars(view) == ["lora: training", "full: training"]
        view.on_event(progress("lora", "predict", 0, 2))
        assert bars(view) == ["lora: measuring", "full: training"]
        full = next(task for task in view.bars.tasks if task.description.startswith("full"))
        assert (full.fields["facts"], full.completed) == ("loss 0.500", 1)
        view.on_event(ended("full"))
        assert [name.partition(":")[0] for name in bars(view)] == ["lora"]
        view.on_event(ended("lora"))
        assert bars(view) == [WAITING]
        view.on_event(Event("evaluate", phase="metrics"))
        assert bars(view) == ["evaluating: metrics"]


def test_of_very_many_runs_as_many_are_shown_as_there_is_room_for(view):
    arms = [f"arm {at}" for at in range(MOST_BARS + 3)]
    with view:
        for arm in arms:
            view.on_event(Event("start", key(arm), title=arm))
        assert len(bars(view)) == MOST_BARS
        view.on_event(ended(arms[0]))
        view.on_event(progress(arms[-1], "train", 1, 2))
        assert len(bars(view)) == MOST_BARS
        for arm in arms[1:-1]:
            view.on_event(ended(arm))
        assert bars(view) == [f"{arms[-1]}: training"]
