"""The curve of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lightune.records import TrainingFacts, TrainingPoint
from lightune.report import format as show
from lightune.report.document import WIDE
from lightune.report.escape import short
from lightune.report.pictures.panels import panel, title
from lightune.report.svg import ACCENT, INK, MUTED, RULE, canvas, house_style, inline

_MOST_POINTS = 400
_SHARES = ("accuracy", "f1", "macro_f1", "precision", "recall")
_HEIGHT, _GAP, _TOP, _FOOT = 160, 52, 26, 42


@house_style()
def training_curve(arm: str, facts: TrainingFacts, name: str, width: int) -> Markup:
    """Train and validation loss over steps, and below it the metric that chose the best step, where that is another."""
    panels = ["loss"]
    if facts.selected_by != "loss" and validation(facts.history, facts.selected_by):
        panels.append(facts.selected_by)
    elif validation(facts.history, "accuracy"):
        panels.append("accuracy")
    figure = canvas(width, len(panels) * (_HEIGHT + _GAP) - _GAP + _TOP + _FOOT)
    for place, metric in enumerate(panels):
        axes = panel(figure, 48, _TOP + place * (_HEIGHT + _GAP), width - 62, _HEIGHT)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if width < WIDE else 8, integer=True))
        _lines(axes, facts, metric)
        if place == len(panels) - 1:
            axes.set_xlabel("optimizer step (dashed: the step that was kept)", color=MUTED, fontsize=12)
    return inline(
        figure,
        name,
        f"Training of {short(arm)} over {facts.steps} steps: train and validation {' and '.join(panels)}; "
        f"step {facts.best_step} was kept. The table below has the numbers.",
    )


def _lines(axes: Axes, facts: TrainingFacts, metric: str) -> None:
    axes.grid(axis="y", color=RULE, linewidth=1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.axvline(facts.best_step, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    train = [(p.step, p.train_loss) for p in thinned(facts.history) if p.train_loss is not None]
    if metric == "loss" and train:
        axes.plot(*zip(*train, strict=True), color=MUTED, linewidth=1.5, label="train")
    looked = validation(facts.history, metric)
    if looked:
        axes.plot(*zip(*looked, strict=True), "o-", color=ACCENT, linewidth=2, ms=5, label="validation")
    axes.set_xlim(0, max(facts.steps, facts.best_step, 1) * 1.02)
    if metric in _SHARES:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
    title(axes, {"loss": "Loss", "accuracy": "Accuracy"}.get(metric, short(metric)))
    if metric == "loss" and axes.lines[1:]:
        axes.legend(frameon=False, labelcolor=INK, fontsize=12, ncols=2, loc="lower right", bbox_to_anchor=(1.01, 0.98))


def validation(history: Sequence[TrainingPoint], metric: str) -> list[tuple[int, float]]:
    """The steps at which the validation split was looked at, with that metric."""
    return [
        (point.step, point.validation[metric])
        for point in history
        if point.validation is not None and show.defined(point.validation.get(metric))
    ]


def thinned(history: Sequence[TrainingPoint]) -> list[TrainingPoint]:
    """At most `_MOST_POINTS` points with a defined train loss, evenly chosen, the last among them."""
    points = [point for point in history if show.defined(point.train_loss)]
    stride = math.ceil(len(points) / _MOST_POINTS) or 1
    return points[::-1][::stride][::-1]
