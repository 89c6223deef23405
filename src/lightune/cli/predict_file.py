"""A file or a pipe of texts labelled, and what a terminal shows of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from lightune.cli.output import console, progress_console
from lightune.progress import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from lightune.inference import BatchRequest

TITLES = {"check": "checking the input", "label": "labelling", "write": "writing the output"}


class _Rows(ProgressColumn):
    """Rows done of all rows, how many a second, and the time left by the share that is done."""

    def render(self, task: Task) -> Text:
        said = []
        if task.fields["phase"] == "label":
            of_all = f"/{task.total:,.0f}" if task.total else ""
            said.append(f"{task.completed:,.0f}{of_all} rows")
            if task.speed:
                said.append(f"{task.speed:,.0f}/s" if task.speed >= 10 else f"{task.speed:.1f}/s")
        if task.total and task.time_remaining is not None:
            said.append(f"{timedelta(seconds=math.ceil(task.time_remaining))} left")
        return Text(", ".join(said))


class View:
    """A bar a phase. on_loaded: called when the first phase begins, since by then what is to answer has been loaded."""

    def __init__(self, bars: Progress, on_loaded: Callable[[Console], None]) -> None:
        self._bars = bars
        self._on_loaded = on_loaded
        self._task: TaskID | None = None
        self._phase = ""
        self.before = 0

    def __call__(self, phase: str, done: int, total: int, facts: dict[str, Any]) -> None:
        self.before = int(facts.get("before", self.before))
        if phase == NOTICE:
            self._bars.console.print(f"lightune: {facts['said']}", markup=False, soft_wrap=True)
            return
        if not self._phase:
            self._on_loaded(self._bars.console)
        # What an earlier run has done says nothing of this one's speed.
        anew = phase != self._phase or "before" in facts
        if anew:
            if self._task is not None:
                self._bars.remove_task(self._task)
            self._phase = phase
            self._task = self._bars.add_task(TITLES[phase], total=total or None, completed=done, phase=phase)
        elif self._task is not None:
            self._bars.update(self._task, completed=done)


def row_bars(shown: Console, *, disable: bool = False) -> Progress:
    """Bars for `View`, on a terminal alone."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("{task.percentage:>3.0f} %"),
        _Rows(),
        console=shown,
        transient=True,
        # Else the answers to standard output would go to the terminal, where standard error is one.
        redirect_stdout=False,
        redirect_stderr=False,
        disable=disable or not shown.is_terminal,
    )


def label_file(request: BatchRequest, on_loaded: Callable[[Console], None]) -> int:
    """Label what `request` names; progress goes to standard error, a line at the end beside the output.

    on_loaded: hears, with the console of the progress, that the models are there.
    """
    from lightune.inference import PIPE, predict_file, predict_to_pipe

    shown = progress_console()
    # Where answers come to the same terminal, they are what is to be seen.
    bars = row_bars(shown, disable=request.target == PIPE and console().is_terminal)
    with bars:
        view = View(bars, on_loaded)
        rows = (predict_to_pipe if request.target == PIPE else predict_file)(request, view)
    if request.target != PIPE:
        kept = f" ({view.before:,} of them before)" if view.before else ""
        console().print(f"{rows:,} rows labelled{kept}: {request.target}", markup=False, soft_wrap=True)
    return 0
