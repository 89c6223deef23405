"""What a study looks like while it runs and when it is done: for people, for machines, for nobody."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.box import SIMPLE
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from lightune.cli.output import console, print_json, progress_console, seconds
from lightune.data.splits import CROSS_VALIDATION_OFFER
from lightune.evaluation import flipped
from lightune.progress import NOTE, NOTICE
from lightune.records import Comparison, Cost, Metric, RunKey, StudyResult, to_json

if TYPE_CHECKING:
    from lightune.study import Event

# Of runs that go on at once; a terminal has no room for those of a large cluster.
MOST_BARS = 12
WAITING = "waiting for a run to begin"
PHASES = {
    "train": "training",
    "features": "frozen features",
    "trunk": "frozen blocks",
    "predict": "measuring",
    "save": "saving and reloading",
}


class QuietView:
    """Says nothing but what went wrong."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def on_event(self, event: Event) -> None:
        """Hear what happens, and pass on what went wrong."""
        if event.kind == NOTICE:
            progress_console().print(f"lightune: {event.phase}", markup=False, soft_wrap=True)
        note = (event.facts or {}).get(NOTE)
        if note is not None:
            progress_console().print(f"lightune: {event.title}: {note}", markup=False, soft_wrap=True)

    def show(self, result: StudyResult, out: Path) -> None:  # noqa: ARG002
        """Tell of arms that failed, and of nothing else."""
        for arm in result.arms:
            if arm.status != "done":
                progress_console().print(f"lightune: {arm.name} failed: {arm.reason}", markup=False, soft_wrap=True)


class JsonView(QuietView):
    """Each event as a line of JSON, the results last."""

    def on_event(self, event: Event) -> None:
        """Print it."""
        line: dict[str, object] = {"event": event.kind}
        if event.run is not None:
            line["run"] = to_json(event.run)
        if event.kind in ("evaluate", "ranked", "notice"):
            line["phase"] = event.phase
        if event.kind == "progress":
            line |= {"phase": event.phase, "done": event.done, "total": event.total, **to_json(event.facts or {})}
        if event.splits is not None:
            line["data"] = to_json(event.splits.facts)
        if event.record is not None:
            line |= {"reason": event.record.reason, "cost": to_json(event.record.cost)}
        print_json(line)

    def show(self, result: StudyResult, out: Path) -> None:
        """Print the results."""
        print_json({"event": "result", "out": str(out), "result": to_json(result)})


class _TimeLeft(ProgressColumn):
    """The time left, with the word; nothing where it is not known."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        return Text("" if left is None else f"{timedelta(seconds=math.ceil(left))} left")


class TerminalView(QuietView):
    """A bar with the time left for each run that is going on, and a table at the end."""

    def __init__(self) -> None:
        target = progress_console()
        self.bars = Progress(
            TextColumn("{task.description:<38}"),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f} %"),
            _TimeLeft(),
            TextColumn("{task.fields[facts]}"),
            console=target,
            transient=True,
            disable=not target.is_terminal,  # a stopped bar leaves an empty line in a file
        )
        # By run; None is for what is no run's.
        self.shown: dict[RunKey | None, TaskID] = {}
        self.phases: dict[RunKey | None, str] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        self._bar(None, "reading the data", None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def on_event(self, event: Event) -> None:
        """Move the bar."""
        if event.kind == "data" and event.splits is not None:
            self._say(_data_line(event))
            self._bar(None, WAITING, None)
        elif event.kind == "start" and event.run is not None:
            self._drop(None)
            self._bar(event.run, f"{event.title}: loading", None)
        elif event.kind == "progress" and event.run is not None:
            self._progress(event)
        elif event.kind == "kept" and event.run is not None:
            self._say(f"{event.title}: done before, kept")
        elif event.kind in ("done", "failed"):
            self._say(_run_line(event))
            self._drop(event.run)
            if not self.shown:
                self._bar(None, WAITING, None)
        elif event.kind == "ranked":
            self._say(event.phase)
        elif event.kind == "notice":
            self._say(f"{event.title}: {event.phase}" if event.title else event.phase)
        elif event.kind == "evaluate":
            self._bar(None, f"evaluating: {event.phase}", None)

    def show(self, result: StudyResult, out: Path) -> None:
        """Print the arms, the comparisons and where everything lies."""
        from lightune.report.headline import headline

        target = console()
        target.print(arms_table(result))
        for sentence in headline(result).sentences:
            target.print(Text(sentence))
        target.print()
        for one in _telling(result):
            delta = one.delta_accuracy
            target.print(
                f"{one.a} - {one.b}: accuracy {_points(delta)} points, {one.wins:,} rows won and {one.losses:,} lost, "
                f"p {_p(one.p_value if math.isnan(one.p_holm) else one.p_holm)} (seed {one.seed})"
            )
        for arm in result.arms:
            if arm.status != "done":
                target.print(f"{arm.name} failed: {arm.reason}", markup=False)
        for note in result.data.notes:
            if CROSS_VALIDATION_OFFER in note:
                target.print(Text(note))
        if result.findings.behaviour is not None and result.findings.behaviour.left_out is not None:
            target.print(Text(f"Behaviour checks left out: {result.findings.behaviour.left_out}"))
        if not result.config["keep_texts"]:
            target.print(
                "No text was kept: the report shows no rows, and slices by text or column cannot be made later."
            )
        target.print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)

    def _progress(self, event: Event) -> None:
        if event.phase != self.phases.get(event.run, ""):
            name = PHASES.get(event.phase, event.phase)
            self._bar(event.run, f"{event.title}: {name}", event.total)
            self.phases[event.run] = event.phase
        facts = event.facts or {}
        if NOTE in facts:
            self._say(f"{event.title}: {facts[NOTE]}")
        shown = [f"{label} {facts[name]:.3f}" for name, label in SHOWN_FACTS.items() if name in facts]
        task = self.shown[event.run]
        self.bars.update(task, completed=event.done, total=event.total)
        if shown:
            self.bars.update(task, facts=", ".join(shown))

    def _bar(self, run: RunKey | None, description: str, total: int | None) -> None:
        """Start the run's bar anew, so that its clock counts this phase alone."""
        if run in self.shown and total is not None:
            self.bars.reset(self.shown[run], total=total, description=description, facts="")
            return
        self._drop(run)
        self.shown[run] = self.bars.add_task(description, total=total, facts="", visible=len(self.shown) < MOST_BARS)

    def _drop(self, run: RunKey | None) -> None:
        if run in self.shown:
            self.bars.remove_task(self.shown.pop(run))
            self.phases.pop(run, None)
        for task in list(self.shown.values())[:MOST_BARS]:
            self.bars.update(task, visible=True)

    def _say(self, line: str) -> None:
        self.bars.console.print(line, markup=False, soft_wrap=True)


def _telling(result: StudyResult) -> list[Comparison]:
    """The verdict's subject against each other arm, at its first seed."""
    subject = result.verdict.subject
    mine = [one if one.a == subject else flipped(one) for one in result.comparisons if subject in (one.a, one.b)]
    first = min((one.seed for one in mine), default=0)
    return [one for one in mine if one.seed == first]


SHOWN_FACTS = {"loss": "loss", "eval_accuracy": "validation accuracy", "eval_loss": "validation loss"}


def arms_table(result: StudyResult) -> Table:
    """The arms with their figures and what they cost, in at most 80 columns."""
    test = result.data.splits["test"].rows
    table = Table(
        title=f"{test:,} test rows, in percent, with 95 % intervals", title_justify="left", pad_edge=False, box=SIMPLE
    )
    table.add_column("arm", no_wrap=True)
    for name in ("accuracy", "F1", "trained", "fit", "predict", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm in result.arms:
        metrics, cost = arm.metrics, arm.cost
        if not metrics:
            table.add_row(Text(arm.name), "failed", *[""] * 5)
            continue
        costs = _cost_cells(cost) if cost is not None else [""] * 4
        table.add_row(Text(arm.name), _percent(metrics["accuracy"]), f"{100 * metrics['f1'].value:.1f}", *costs)
    return table


def _cost_cells(cost: Cost) -> list[str]:
    return [
        _count(cost.trainable_parameters),
        seconds(cost.fit_seconds),
        seconds(cost.predict_seconds),
        f"{cost.peak_memory_bytes / 2**30:.2f} GiB",
    ]


def _count(number: int) -> str:
    return f"{number:,}" if number < 10_000 else f"{number / 1e3:,.0f} k" if number < 1e7 else f"{number / 1e6:,.0f} M"


def _data_line(event: Event) -> str:
    assert event.splits is not None
    facts = event.splits.facts
    rows = ", ".join(f"{name} {split.rows:,}" for name, split in facts.splits.items())
    return f"data: {facts.source} ({rows} rows; labels {', '.join(facts.label_names)})"


def _run_line(event: Event) -> str:
    record = event.record
    if record is None or record.status != "done":
        return f"{event.title}: failed: {record.reason if record else ''}"
    if record.cost is None:
        return f"{event.title}: done"
    fit = f"fit {seconds(record.cost.fit_seconds)}, " if record.cost.fit_seconds > 0 else ""
    return f"{event.title}: done, {fit}predict {seconds(record.cost.predict_seconds)}"


def _percent(metric: Metric) -> str:
    if math.isnan(metric.value):
        return "-"
    return f"{100 * metric.value:.1f} ({100 * metric.low:.1f}-{100 * metric.high:.1f})"


def _points(metric: Metric) -> str:
    return f"{100 * metric.value:+.1f} ({100 * metric.low:+.1f} to {100 * metric.high:+.1f})"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"
