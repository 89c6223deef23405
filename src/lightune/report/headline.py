"""The verdict in words: what was found, what it means, and what should be known beside that.

What is decided stands in the records; nothing is decided here.
"""

from __future__ import annotations

import math

from lightune.evaluation.verdict import LEAST_ROWS
from lightune.printable import one_line
from lightune.records import ArmResult, Cost, Metric, StudyResult, Verdict
from lightune.report import format as show
from lightune.report.certificates import certificate_warnings
from lightune.report.document import Headline, Paragraph
from lightune.report.escape import capital, sentence, short
from lightune.report.runs import is_mean
from lightune.report.vocabulary import arm_words, interval, power_sentence, rows_in_words

_EARLIER = (
    "These results were made by an earlier version of lightune, which gave no verdict.",
    "Run the same `lightune study` command again: runs that are done are kept, and the report gets its verdict.",
)
# What is asked for where there are fewer seeds; else twice as many as there are.
_SEEDS = 5
_NOTHING = (
    "No arm has a result, so there is nothing to compare.",
    "Mend what the reasons below name and give the same command again: what is done is kept.",
)


def headline(result: StudyResult) -> Headline:
    """The verdict as a tag, two sentences and some smaller ones, in plain text."""
    verdict = result.verdict
    arms = {arm.name: arm for arm in result.arms}
    subject, rival = arms.get(verdict.subject or ""), arms.get(verdict.rival or "")
    warnings = (*_failures(result), *certificate_warnings(result.arms))
    more = (*warnings, *_untrained_head(verdict, rival), *_power(verdict, rival), *_folds(result))
    if subject is None:
        done = any(arm.status == "done" for arm in result.arms)
        return Headline("No verdict" if done else "No result", "", _EARLIER if done else _NOTHING, more)
    if rival is None:
        return Headline("Nothing to compare with", "", _alone(result, subject), more)
    tag, tone = _tag(result, subject)
    return Headline(tag, tone, (_found(result, subject, rival), _means(result, subject, rival)), more)


def failure(arm: ArmResult, limit: int = 300) -> str:
    """One sentence on an arm that failed."""
    return sentence(f"The arm {short(arm.name)} failed: {one_line(arm.reason or 'no reason was recorded')}", limit + 80)


def _tag(result: StudyResult, subject: ArmResult) -> tuple[str, str]:
    """The verdict in a few words, and the tone that goes with it."""
    few = "seeds" if _few_seeds(result) else "test rows"
    winner = "Fine-tuning" if _tuned(subject) else capital(arm_words(subject.name).brief)
    return {
        "won": (f"{winner} wins", "good"),
        "lost": (f"{winner} loses", "bad"),
        "tied": ("No difference that matters", ""),
        "too small": (f"Too few {few} to say", ""),
    }.get(result.verdict.kind, ("No verdict", ""))


def _found(result: StudyResult, subject: ArmResult, rival: ArmResult) -> str:
    """The first sentence: accuracy, difference, interval, p."""
    verdict, delta = result.verdict, result.verdict.difference or Metric(math.nan, math.nan, math.nan)
    labels = f"labels {_mean(result, subject)}{_accuracy(subject)} of {rows_in_words(_rows(result))} right"
    against, who = arm_words(rival.name).long, _doer(subject)
    ends = interval(delta, show.points) or "not defined"
    sure = f"95{show.SPACE}% interval {ends}{_over(verdict)}{_test(result)}"
    if verdict.kind == "too small":
        what = "fine-tuning is worth it" if _tuned(subject) else "any arm is better than another"
        few = _few_seeds(result)
        trouble = "This test set is too small to say" if not few else f"With {_seeds(few)} it cannot be told"
        return (
            f"{trouble} whether {what}: {arm_words(subject.name).long} {labels}, {against} "
            f"{_accuracy(rival)}, and the difference of {show.points(delta.value)} points may be anything from {ends} "
            f"(95{show.SPACE}% interval{_over(verdict)}{_test(result)})."
        )
    if verdict.kind == "tied":
        return (
            f"{capital(who)} makes no difference that matters here: it {labels}, {against} {_accuracy(rival)}, and "
            f"the whole interval of the difference lies within {show.bare_percent(verdict.margin)} points "
            f"({show.points(delta.value)} points, {sure})."
        )
    more = "fewer" if delta.value < 0 else "more"
    judged = {"won": "is better here", "lost": "is not worth it here"}.get(verdict.kind, "has no verdict")
    return (
        f"{capital(who)} {judged}: it {labels}, {show.bare_percent(abs(delta.value))} points {more} than {against} "
        f"({sure})."
    )


def _means(result: StudyResult, subject: ArmResult, rival: ArmResult) -> str:
    """The second sentence: what to do, and what it costs."""
    verdict, few = result.verdict, _few_seeds(result)
    price, first, second = _price(result, subject, rival), arm_words(subject.name).brief, arm_words(rival.name).brief
    cheaper, dearer = _cheaper(subject, rival), _cheaper(rival, subject)
    if verdict.kind == "won":
        advice = f"It costs no more than {second}" if cheaper else "It is worth it if those points are worth the price"
    elif verdict.kind == "lost":
        less = ", and it costs less" if dearer else ""
        advice = f"Use {second}, which is right more often{less}"
    elif verdict.kind == "tied":
        better = first if cheaper else second if dearer else ""
        advice = f"Use the cheaper one, {better}" if better else "Choose by what they cost"
    elif few and _tuned(subject):
        more = _SEEDS if few < _SEEDS else 2 * few
        advice = f"Nothing can be concluded yet, so give --seeds {more} or more, or take the cheaper one"
    elif few:
        advice = "Nothing can be concluded yet, so take the cheaper one"
    else:
        advice = "Nothing can be concluded yet, so label more test rows before you decide, or take the cheaper one"
    return f"{advice}{price}."


def _few_seeds(result: StudyResult) -> int:
    """How many seeds there are where nothing can be said and other seeds would change more than other rows; else 0.

    Of a fine-tuned subject it is the subject's number, which is what can be raised.
    """
    verdict = result.verdict
    if verdict.kind != "too small" or not verdict.seeds or verdict.rows < LEAST_ROWS:
        return 0
    for each in result.seed_comparisons:
        if {each.a, each.b} == {verdict.subject, verdict.rival} and each.seed_sd > each.row_sd:
            own = each.seeds_a if each.a == verdict.subject else each.seeds_b
            tuned = any(arm.name == verdict.subject and _tuned(arm) for arm in result.arms)
            return own if tuned else max(each.seeds_a, each.seeds_b)
    return 0


def _seeds(count: int) -> str:
    return "one seed" if count == 1 else f"{count} seeds"


def _price(result: StudyResult, subject: ArmResult, rival: ArmResult) -> str:
    """What both took, as the end of a sentence."""
    first, second = arm_words(subject.name).brief, arm_words(rival.name).brief
    where = "in the first fold " if result.cross_validation is not None else ""
    if subject.cost is not None and rival.cost is not None:
        return f": {where}{first} took {_spent(subject.cost)} of memory, against {_spent(rival.cost)} for {second}"
    if subject.cost is not None:
        return f": {where}{first} took {_spent(subject.cost)} of memory, and what {second} took was not measured"
    if rival.cost is not None:
        return f": {where}{second} took {_spent(rival.cost)} of memory, and what {first} took was not measured"
    return "; what they cost was not measured"


def _spent(cost: Cost) -> str:
    return f"{show.seconds(cost.fit_seconds + cost.predict_seconds)} and {show.size(cost.peak_memory_bytes)}"


def _cheaper(one: ArmResult, other: ArmResult) -> bool:
    """Whether one took no more time and no more memory than the other."""
    if one.cost is None or other.cost is None:
        return False
    return (
        one.cost.fit_seconds + one.cost.predict_seconds <= other.cost.fit_seconds + other.cost.predict_seconds
        and one.cost.peak_memory_bytes <= other.cost.peak_memory_bytes
    )


def _alone(result: StudyResult, subject: ArmResult) -> tuple[str, str]:
    accuracy = subject.metrics.get("accuracy", Metric(math.nan, math.nan, math.nan))
    return (
        f"{capital(arm_words(subject.name).long)} labels {_mean(result, subject)}{_accuracy(subject)} of "
        f"{rows_in_words(_rows(result))} right "
        f"(95{show.SPACE}% interval {interval(accuracy, show.bare_percent) or 'not defined'}).",
        "No other arm has a result, so whether it is worth it stays open: add arms to the study, such as majority "
        "and tfidf.",
    )


def _untrained_head(verdict: Verdict, rival: ArmResult | None) -> list[Paragraph]:
    """Say what it means to beat a head that was never trained, or not to."""
    if rival is None or rival.head != "untrained" or rival.training is not None:
        return []
    meaning = "no sign yet that the training took hold"
    if verdict.kind == "won":
        meaning = "the gap shows that the training took hold, not that it beats a cheaper way"
    name = arm_words(rival.name).brief
    return [Paragraph(f"The head of {name} was never trained, so its answers are guesses: {meaning}.")]


def _power(verdict: Verdict, rival: ArmResult | None) -> list[Paragraph]:
    if rival is None or not show.defined(verdict.detectable):
        return []
    return [Paragraph(power_sentence(verdict.rows, [verdict.detectable]))]


def _folds(result: StudyResult) -> list[Paragraph]:
    folds = result.cross_validation
    if folds is None:
        return []
    again = "" if folds.repeats == 1 else f", cut anew {folds.repeats} times"
    return [
        Paragraph(
            f"Cross-validation: every row was a test row in turn, in {folds.folds} parts{again}, and intervals allow "
            "for what the trainings share."
        )
    ]


def _failures(result: StudyResult) -> list[Paragraph]:
    failed = [arm for arm in result.arms if arm.status != "done"]
    if len(failed) > 2:
        names = ", ".join(short(arm.name) for arm in failed)
        return [Paragraph(f"{len(failed)} arms failed: {names}.", "bad")]
    return [Paragraph(failure(arm), "bad") for arm in failed]


def _tuned(arm: ArmResult) -> bool:
    return arm.training is not None


def _doer(arm: ArmResult) -> str:
    """The subject of a sentence: "fine-tuning with LoRA"."""
    words = arm_words(arm.name)
    return f"fine-tuning with {words.long}" if _tuned(arm) and "fine-tuning" not in words.long else words.long


def _mean(result: StudyResult, arm: ArmResult) -> str:
    return "on average " if is_mean(result, arm) else ""


def _accuracy(arm: ArmResult) -> str:
    metric = arm.metrics.get("accuracy")
    return show.percent(metric.value if metric is not None else None)


def _rows(result: StudyResult) -> int:
    test = result.data.splits.get("test")
    return result.verdict.rows or (test.rows if test is not None else 0)


def _over(verdict: Verdict) -> str:
    return " over seeds and rows" if verdict.seeds else ""


def _test(result: StudyResult) -> str:
    """The test's name and its p, corrected where it was."""
    verdict = result.verdict
    name = "corrected t-test" if result.cross_validation is not None else "McNemar"
    if show.defined(verdict.p_holm):
        return f"; {name} {show.p_phrase(verdict.p_holm)} after Holm's correction"
    return f"; {name} {show.p_phrase(verdict.p_value)}" if show.defined(verdict.p_value) else ""
