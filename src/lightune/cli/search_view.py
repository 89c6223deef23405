"""What `lightune search` says of its trials: for people as lines above what it is doing, for programs as JSON lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from lightune.cli.output import print_json, progress_console, seconds
from lightune.search import Searched, Trial
from lightune.search.space import shown

OnTrial = Callable[[Trial, Searched], None]


def trials_view(quiet: bool, as_json: bool) -> AbstractContextManager[OnTrial | None]:
    """What is to hear of the trials while it is open."""
    if quiet:
        return nullcontext()
    return nullcontext(_print_trial) if as_json else _shown_trials()


@contextmanager
def _shown_trials() -> Iterator[OnTrial]:
    """A line for each look at a trial; on a terminal, what is being done below them."""
    console = progress_console()
    with console.status("reading the texts and the model, training") as status:

        def on_trial(trial: Trial, searched: Searched) -> None:
            console.print(_line(trial, searched), markup=False, soft_wrap=True)
            status.update(f"training trials, up to {searched.rungs[-1]:,} steps each")

        yield on_trial


def _print_trial(trial: Trial, searched: Searched) -> None:
    score = trial.scores[-1] if trial.scores else math.nan
    print_json(
        {
            "event": "trial",
            "number": trial.number,
            "values": dict(trial.values),
            "step": searched.rungs[len(trial.scores) - 1] if trial.scores else 0,
            "steps": searched.rungs[-1],
            searched.selected_by: score if math.isfinite(score) else None,
            "seconds": trial.seconds,
            "state": trial.state,
            "reason": trial.reason,
        }
    )


def _line(trial: Trial, searched: Searched) -> str:
    values = ", ".join(
        f"{name.rpartition('.')[2].replace('_', ' ')} {shown(name, value)}" for name, value in trial.values.items()
    )
    return f"trial {trial.number + 1}: {values}: {_came(trial, searched)} ({seconds(trial.seconds)})"


def _came(trial: Trial, searched: Searched) -> str:
    """What came of the last work on a trial, in words."""
    if trial.state == "failed" and not trial.diverged:
        return f"failed: {trial.reason}"
    if trial.state == "waiting" and trial.tries and trial.reason:
        return f"tried again: {trial.reason}"
    score = "diverged" if trial.diverged else f"{searched.selected_by} {trial.scores[-1]:.4f}"
    return f"{score} by step {searched.rungs[len(trial.scores) - 1]:,} of {searched.rungs[-1]:,}"
