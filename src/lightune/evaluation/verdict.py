"""What the study says, in one word: is the best fine-tuned arm better than the best one that was not?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lightune.evaluation.comparison import decided, flipped
from lightune.evaluation.intervals import negative, wilson
from lightune.records import ArmResult, Comparison, Metric, SeedComparison, Verdict

MARGIN = 0.02
# Below this nothing is said at all: too few rows to stand for anything, whatever the numbers come to.
LEAST_ROWS = 20


def verdict(
    arms: Sequence[ArmResult],
    comparisons: Sequence[Comparison],
    seed_comparisons: Sequence[SeedComparison],
    margin: float = MARGIN,
) -> Verdict:
    """Return what these results say. Arms that are not `done` have no part in it.

    subject: the best fine-tuned arm (one with `training`) by accuracy, the best of all where none was fine-tuned.
    rival: the best arm that was not fine-tuned of those that the subject was compared with, else the best of these.
    Comparisons may stand either way round; of several seeds the first counts. margin: the difference in accuracy, as a
    share, below which two arms are as good as equal.

    difference: the interval of the SeedComparison where there is one of several seeds, else the Comparison's, widened
    where it is closer to its value than Wilson's limit for 0 of `rows` rows (3.7 rows at most). That is how far apart
    two arms may be (Tango 1998, Stat Med 17:891) that happen to differ on none of these rows; the bootstrap, which
    knows no other rows, would say 0.

    `won`, `lost`: the interval leaves 0 out, and p_holm (p_value where it is NaN) is below 0.05 in the same direction.
    `tied`, where that does not hold: the whole interval lies within +-margin. That is a test of equivalence (Schuirmann
    1987, J Pharmacokinet Biopharm 15:657) at 2.5 % a side; its usual 5 % would ask for a 90 % interval only. Else, and
    always below 20 rows, `too small`. `alone`: no other arm, or none the subject was compared with. `nothing`: no arm.

    Raises ValueError for a margin that is not between 0 and 1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"margin: a share between 0 and 1 is expected, got {margin}.")
    done = [arm for arm in arms if arm.status == "done"]
    if not done:
        return Verdict("nothing", margin=margin)
    subject = _best([arm for arm in done if arm.training is not None] or done)
    faced = _faced(subject.name, comparisons)
    rivals = [arm for arm in done if arm.name in faced]
    if not rivals:
        return Verdict("alone", subject=subject.name, margin=margin)
    rival = _best([arm for arm in rivals if arm.training is None] or rivals)
    comparison = faced[rival.name]
    over_seeds = _over_seeds(subject.name, rival.name, seed_comparisons)
    difference = _widened(over_seeds or comparison.delta_accuracy, comparison.rows)
    return Verdict(
        kind=_kind(difference, comparison, margin),
        subject=subject.name,
        rival=rival.name,
        difference=difference,
        p_value=comparison.p_value,
        p_holm=comparison.p_holm,
        rows=comparison.rows,
        detectable=comparison.detectable,
        margin=margin,
        seeds=over_seeds is not None,
    )


def _kind(difference: Metric, comparison: Comparison, margin: float) -> str:
    if comparison.rows < LEAST_ROWS:
        return "too small"
    # Over seeds the difference can have the other sign than at the first seed, which p speaks of.
    if difference.value * comparison.delta_accuracy.value > 0:
        better = decided(replace(comparison, delta_accuracy=difference))
        if better:
            return "won" if better > 0 else "lost"
    return "tied" if -margin <= difference.low and difference.high <= margin else "too small"


def _widened(difference: Metric, rows: int) -> Metric:
    least = wilson(0, rows).high
    value = difference.value
    return Metric(value, min(difference.low, value - least), max(difference.high, value + least))


def _faced(subject: str, comparisons: Sequence[Comparison]) -> Mapping[str, Comparison]:
    """Return the subject's comparison with each other arm at their first seed, the subject being `a`."""
    faced: dict[str, Comparison] = {}
    for comparison in sorted(comparisons, key=lambda each: each.seed):
        if comparison.a == subject:
            faced.setdefault(comparison.b, comparison)
        elif comparison.b == subject:
            faced.setdefault(comparison.a, flipped(comparison))
    return faced


def _over_seeds(subject: str, rival: str, seed_comparisons: Sequence[SeedComparison]) -> Metric | None:
    for each in seed_comparisons:
        if max(each.seeds_a, each.seeds_b) > 1:
            if (each.a, each.b) == (subject, rival):
                return each.delta_accuracy
            if (each.b, each.a) == (subject, rival):
                return negative(each.delta_accuracy)
    return None


def _best(arms: Sequence[ArmResult]) -> ArmResult:
    """Return the arm of the highest accuracy, the first of equals."""
    return max(arms, key=_accuracy)


def _accuracy(arm: ArmResult) -> float:
    metric = arm.metrics.get("accuracy")
    return metric.value if metric is not None and math.isfinite(metric.value) else -math.inf
