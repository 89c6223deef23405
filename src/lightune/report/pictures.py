"""The pictures: the ladder of arms, and the curve of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lightune.records import ArmResult, TrainingFacts, TrainingPoint
from lightune.report import format as show
from lightune.report.document import WIDE
from lightune.report.escape import short
from lightune.report.svg import ACCENT, INK, MUTED, RULE, canvas, house_style, inline, quiet_axes
from lightune.report.vocabulary import interval

_ROW, _FOOT, _EDGE = 46, 30, 12
_MOST_POINTS = 400
_SHARES = ("accuracy", "f1", "macro_f1", "precision", "recall")


@house_style()
def ladder(arms: Sequence[ArmResult], name: str, width: int) -> Markup:
    """Accuracy of the arms, a row each: a dot, its interval as a line, each seed as a small ring.

    arms: done, with a defined accuracy; at least one. They stand from top to bottom in the order given.
    """
    height = _ROW * len(arms) + _FOOT
    figure = canvas(width, height)
    axes = figure.add_axes((_EDGE / width, _FOOT / height, 1 - 2 * _EDGE / width, 1 - _FOOT / height))
    quiet_axes(axes)
    low, high = _span(arms)
    axes.set_xlim(low, high)
    axes.set_ylim(len(arms), 0)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if width < WIDE else 8, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.grid(axis="x", color=RULE, linewidth=1)
    for row, arm in enumerate(arms):
        accuracy = arm.metrics["accuracy"]
        y = row + 0.68
        if show.defined(accuracy.low) and show.defined(accuracy.high):
            axes.plot([accuracy.low * 100, accuracy.high * 100], [y, y], color=ACCENT, linewidth=3, alpha=0.55)
        seeds = seed_accuracies(arm)
        if len(seeds) > 1:
            rings = [value * 100 for value in seeds]
            axes.plot(
                rings,
                [y] * len(rings),
                "o",
                markersize=6,
                markerfacecolor="none",
                markeredgecolor=INK,
                markeredgewidth=1,
            )
        axes.plot([accuracy.value * 100], [y], "o", markersize=10, color=ACCENT, markeredgewidth=0)
        said = f"{show.percent(accuracy.value)} ({interval(accuracy, show.bare_percent)})"
        _words(axes, low, row + 0.32, short(arm.name, 22 if width < WIDE else 48), "left", "bold")
        _words(axes, high, row + 0.32, said, "right", "normal")
    alternative = "Accuracy of each arm with its 95 % interval. " + "; ".join(
        f"{short(arm.name)}: {_spoken(arm)}" for arm in arms
    )
    return inline(figure, name, alternative)


def seed_accuracies(arm: ArmResult) -> list[float]:
    """The accuracy of each of the arm's final runs (those on the most training rows)."""
    largest = max((seed.train_size for seed in arm.seeds), default=0)
    values = [seed.metrics.get("accuracy", math.nan) for seed in arm.seeds if seed.train_size == largest]
    return [value for value in values if show.defined(value)]


@house_style()
def training_curve(arm: str, facts: TrainingFacts, name: str, width: int) -> Markup:
    """Train and validation loss over steps, and below it the metric that chose the best step, where that is another."""
    train = [(p.step, p.train_loss) for p in thinned(facts.history) if p.train_loss is not None]
    panels = ["loss"]
    if facts.selected_by != "loss" and validation(facts.history, facts.selected_by):
        panels.append(facts.selected_by)
    elif validation(facts.history, "accuracy"):
        panels.append("accuracy")
    panel_height, gap, top, foot = 160, 52, 26, 42
    height = len(panels) * (panel_height + gap) - gap + top + foot
    figure = canvas(width, height)
    for place, metric in enumerate(panels):
        bottom = height - top - panel_height - place * (panel_height + gap)
        axes = figure.add_axes((48 / width, bottom / height, 1 - 62 / width, panel_height / height))
        quiet_axes(axes)
        axes.grid(axis="y", color=RULE, linewidth=1)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if width < WIDE else 8, integer=True))
        axes.axvline(facts.best_step, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        if metric == "loss" and train:
            axes.plot(*zip(*train, strict=True), color=MUTED, linewidth=1.5, label="train")
        line = validation(facts.history, metric)
        if line:
            xs, ys = zip(*line, strict=True)
            axes.plot(xs, ys, "o-", color=ACCENT, linewidth=2, markersize=5, label="validation")
        axes.set_xlim(0, max(facts.steps, facts.best_step, 1) * 1.02)
        if metric in _SHARES:
            axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
        titled = {"loss": "Loss", "accuracy": "Accuracy"}.get(metric, short(metric))
        axes.set_title(titled, loc="left", fontsize=13, fontweight="bold", color=INK, parse_math=False)
        if metric == "loss" and axes.lines[1:]:
            axes.legend(
                frameon=False, labelcolor=INK, fontsize=12, ncols=2, loc="lower right", bbox_to_anchor=(1.01, 0.98)
            )
        if place == len(panels) - 1:
            axes.set_xlabel("optimizer step (dashed: the step that was kept)", color=MUTED, fontsize=12)
    return inline(
        figure,
        name,
        f"Training of {short(arm)} over {facts.steps} steps: train and validation {' and '.join(panels)}; "
        f"step {facts.best_step} was kept. The table below has the numbers.",
    )


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


def _span(arms: Sequence[ArmResult]) -> tuple[float, float]:
    """The accuracies to show, in per cent, with some air on both sides."""
    values = [
        value
        for arm in arms
        for metric in [arm.metrics["accuracy"]]
        for value in (metric.value, metric.low, metric.high, *seed_accuracies(arm))
        if show.defined(value)
    ]
    low, high = min(values) * 100, max(values) * 100
    air = max(1.0, (high - low) * 0.06)
    return max(low - air, -1.0), min(high + air, 101.0)


def _words(axes: Axes, x: float, y: float, text: str, side: Literal["left", "right"], weight: str) -> None:
    axes.text(x, y, text, ha=side, va="center", color=INK, fontweight=weight, fontsize=13, parse_math=False)


def _spoken(arm: ArmResult) -> str:
    accuracy = arm.metrics["accuracy"]
    return f"{show.percent(accuracy.value)}, {interval(accuracy, show.bare_percent)}"
