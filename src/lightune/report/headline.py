"""The sentences at the top: who labels how much right, whether the difference is real, what it took."""

from __future__ import annotations

import math

from lightune.records import ArmResult, Comparison, Metric, StudyResult
from lightune.report import format as show
from lightune.report.escape import one_line, short
from lightune.report.vocabulary import arm_in_sentence, interval

LEVEL = 0.05
WIN, LOSS, TIE = "win", "loss", "tie"


def outcome(comparison: Comparison) -> str:
    """Whether `a` is better (win), worse (loss) or cannot be told from `b` on this test set (tie).

    A difference counts only when its interval leaves 0 out and McNemar's p is below 0.05: on a handful of rows a
    bootstrap interval can shrink to a point, and the test is what notices.
    """
    delta = comparison.delta_accuracy
    if not comparison.p_value < LEVEL:
        return TIE
    if delta.low > 0:
        return WIN
    return LOSS if delta.high < 0 else TIE


def flipped(comparison: Comparison) -> Comparison:
    """The same comparison seen from `b`."""
    return Comparison(
        a=comparison.b,
        b=comparison.a,
        seed=comparison.seed,
        rows=comparison.rows,
        delta_accuracy=_negative(comparison.delta_accuracy),
        delta_f1=_negative(comparison.delta_f1),
        p_value=comparison.p_value,
        wins=comparison.losses,
        losses=comparison.wins,
        both_right=comparison.both_right,
        both_wrong=comparison.both_wrong,
    )


def headline(result: StudyResult) -> tuple[str, ...]:
    """The sentences, in plain text.

    They are about the best arm that was trained (the best arm, where none was), beside the best arm that was not.
    """
    done = [arm for arm in result.arms if arm.status == "done"]
    failed = [arm for arm in result.arms if arm.status != "done"]
    if not done:
        return ("No arm has a result, so there is nothing to compare.", *_failures(failed))
    subject = _best([arm for arm in done if arm.training is not None] or done)
    comparison = _telling_comparison(result, subject, done)
    sentences = [_accuracy_sentence(result, subject, comparison)]
    if comparison is None:
        others = "No other arm has a result" if len(done) == 1 else "No paired comparison was recorded"
        sentences.append(f"{others}, so whether it is worth it stays open.")
    else:
        sentences += _chance_sentence(result, comparison)
    sentences += _training_sentence(subject)
    return (*sentences, *_failures(failed))


def _accuracy_sentence(result: StudyResult, subject: ArmResult, comparison: Comparison | None) -> str:
    name = arm_in_sentence(subject.name)
    rows = comparison.rows if comparison is not None else sum(map(sum, subject.confusion))
    test = result.data.splits.get("test")
    rows = test.rows if test is not None else rows
    accuracy = subject.metrics.get("accuracy", Metric(math.nan, math.nan, math.nan))
    seeds = f", mean over {len(subject.seeds)} seeds" if len(subject.seeds) > 1 else ""
    start = (
        f"{name[:1].upper()}{name[1:]} labels {show.percent(accuracy.value)} of {show.count(rows)} test rows right "
        f"(95{show.SPACE}% interval {interval(accuracy, show.bare_percent) or 'not defined'}{seeds})"
    )
    return start + (_difference(result, comparison) if comparison is not None else ".")


def _difference(result: StudyResult, comparison: Comparison) -> str:
    delta, rival = comparison.delta_accuracy, arm_in_sentence(comparison.b)
    several = any(len(arm.seeds) > 1 for arm in result.arms if arm.name in (comparison.a, comparison.b))
    p = f"McNemar {show.p_phrase(comparison.p_value)}" + (f"; paired at seed {comparison.seed}" if several else "")
    verdict = outcome(comparison)
    if verdict == TIE:
        agree = "" if not _excludes_zero(delta) else "; the interval leaves 0 out, but the test does not agree"
        return (
            f", but this test set cannot tell it apart from {rival}: the difference is "
            f"{show.points(delta.value)} points ({interval(delta, show.points)}; {p}{agree})."
        )
    if verdict == LOSS:
        delta = _negative(delta)
    word = "more" if verdict == WIN else "fewer"
    return f", {show.bare_percent(delta.value)} points {word} than {rival} ({interval(delta, show.bare_percent)}; {p})."


def _chance_sentence(result: StudyResult, comparison: Comparison) -> list[str]:
    """Say what it means to beat a head that was never trained, or not to."""
    rival = next(arm for arm in result.arms if arm.name == comparison.b)
    if rival.head != "untrained" or rival.training is not None:
        return []
    meaning = "no sign yet that the training took hold"
    if outcome(comparison) == WIN:
        meaning = "the gap shows that the training took hold, not that it beats a cheaper way"
    return [
        f"The head of that rival was never trained, so its {show.percent(_accuracy(rival))} is guessing: {meaning}."
    ]


def _training_sentence(arm: ArmResult) -> list[str]:
    if arm.training is None or arm.cost is None:
        return []
    cost = arm.cost
    changed = (
        "every parameter"
        if cost.trainable_parameters >= cost.total_parameters
        else f"{show.share(cost.trainable_parameters, cost.total_parameters)} of the parameters"
    )
    return [f"Training took {show.seconds(cost.fit_seconds)} and changed {changed}."]


def _failures(failed: list[ArmResult]) -> list[str]:
    if len(failed) > 2:
        return [f"{len(failed)} arms failed: {', '.join(short(arm.name) for arm in failed)}."]
    return [failure(arm) for arm in failed]


def failure(arm: ArmResult, limit: int = 300) -> str:
    """One sentence on an arm that failed."""
    reason = short(arm.reason or "no reason was recorded", limit)
    return one_line(f"The arm {short(arm.name)} failed: {reason}") + ("" if reason.endswith((".", "…")) else ".")


def _best(arms: list[ArmResult]) -> ArmResult:
    """The arm of the highest accuracy, the first of equals."""
    return max(arms, key=_accuracy)


def _accuracy(arm: ArmResult) -> float:
    metric = arm.metrics.get("accuracy")
    return metric.value if metric is not None and math.isfinite(metric.value) else -math.inf


def _telling_comparison(result: StudyResult, subject: ArmResult, done: list[ArmResult]) -> Comparison | None:
    """The subject against the best untrained arm that it was compared with, else the best other; the subject is `a`."""
    mine: dict[str, Comparison] = {}
    for comparison in sorted(result.comparisons, key=lambda each: each.seed):
        if comparison.a == subject.name:
            mine.setdefault(comparison.b, comparison)
        elif comparison.b == subject.name:
            mine.setdefault(comparison.a, flipped(comparison))
    rivals = [arm for arm in done if arm.name in mine]
    untrained = [arm for arm in rivals if arm.training is None]
    return mine[_best(untrained or rivals).name] if rivals else None


def _negative(metric: Metric) -> Metric:
    return Metric(-metric.value, -metric.high, -metric.low)


def _excludes_zero(metric: Metric) -> bool:
    return metric.low > 0 or metric.high < 0
