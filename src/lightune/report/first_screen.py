"""The pictures of the first screen: the ladder, and what its rungs cost."""

from __future__ import annotations

from lightune.records import ArmResult, StudyResult
from lightune.report import format as show
from lightune.report.document import HALF, Figure
from lightune.report.escape import short
from lightune.report.pictures.cast import cast_of
from lightune.report.pictures.costs import accuracy_against_cost, broken_scales
from lightune.report.pictures.ladder import ladder
from lightune.report.pictures.prices import PRICES
from lightune.report.sections.methods import comparable


def first_figures(result: StudyResult) -> tuple[Figure, ...]:
    """The ladder, and accuracy against cost; those that there are figures for."""
    arms = [arm for arm in result.arms if arm.status == "done" and _has_accuracy(arm)]
    priced = [arm for arm in arms if arm.cost is not None]
    unpriced = [short(arm.name) for arm in arms if arm.cost is None]
    unknown = f" Not measured: {', '.join(unpriced)}." if unpriced else ""
    cast, figures, folds = cast_of(result), [], result.cross_validation is not None
    # Results of an earlier version have no front for trained parameters.
    known = {front.cost for front in result.frontiers}
    prices = [price for price in PRICES if price.key in known] or PRICES
    rings = "; rings: the seeds, where there are several"
    if arms:
        figures.append(
            Figure(
                "ladder",
                f"Accuracy on the test rows. Line: its 95 % interval{'' if folds else rings}.",
                lambda name, width: ladder(arms, cast, name, width, rings=not folds),
                HALF,
            )
        )
    if priced:
        figures.append(
            Figure(
                "costs",
                "Accuracy, with its 95 % interval, against cost. On the line, the Pareto front, with full marks, are "
                "the arms that none other beats in both. "
                f"Time: training, and labelling the test rows{', in the first fold' if folds else ''}. "
                f"Costs on logarithmic scales.{broken_scales(priced, prices)}{unknown}{_closer(result)}",
                lambda name, width: accuracy_against_cost(priced, result.frontiers, cast, name, width, prices),
                HALF,
            )
        )
    return tuple(figures)


def _closer(result: StudyResult) -> str:
    """Where to look where one picture holds too much."""
    return " The section Methods on equal terms has the fine-tuned arms by themselves." if comparable(result) else ""


def _has_accuracy(arm: ArmResult) -> bool:
    accuracy = arm.metrics.get("accuracy")
    return accuracy is not None and show.defined(accuracy.value)
