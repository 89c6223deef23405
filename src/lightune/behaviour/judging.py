"""From the arms' answers to the suite's texts to how often each arm fails each test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lightune.behaviour.applicability import label_indices
from lightune.behaviour.suite import INVARIANCE, MINIMUM_FUNCTIONALITY, Suite, SuiteTest, texts
from lightune.evaluation import predicted_labels, wilson
from lightune.records import BehaviourFailure, BehaviourScore, BehaviourTest

SHOWN = 3
# Sums of float32 probabilities differ by as much from one batch to the next.
_ROUNDING = 1e-6

Floats = NDArray[np.float64]


def judge(suite: Suite, answers: Mapping[str, Floats], label_names: Sequence[str]) -> tuple[BehaviourTest, ...]:
    """Return each test with each arm's failure rate (Ribeiro et al. 2020) and its worst failures, one a template.

    answers: arm -> probabilities [texts, labels], in the order of `texts(suite)` and of `label_names`. A minimum
    functionality case fails where another label than the expected one is predicted; an invariance case where the
    predicted label changes; a direction case where the change makes the expected label less probable by more than the
    test's tolerance.

    The rate has Wilson's 95 % interval. It speaks of further cases made of the same templates and fillers, and of
    nothing else: not of other ways to put it, nor of how often such texts occur. Raises ValueError where the answers
    do not fit the suite, or the suite does not fit the labels (`why_not` says so beforehand).
    """
    words = label_indices(suite, label_names)
    if words is None:
        raise ValueError(f"Labels that the suite {suite.name!r} can ask for are expected, got {list(label_names)}.")
    rows = {text: row for row, text in enumerate(texts(suite))}
    for arm, probabilities in answers.items():
        if probabilities.shape != (len(rows), len(label_names)):
            raise ValueError(
                f"{arm}: answers of the shape {(len(rows), len(label_names))} are expected, got {probabilities.shape}."
            )
        if not np.isfinite(probabilities).all():
            raise ValueError(f"{arm}: finite probabilities are expected, got some that are not.")
    return tuple(
        BehaviourTest(
            test.capability,
            test.name,
            test.kind,
            len(test.cases),
            {arm: _score(test, _Answers(test, rows, words, given), label_names) for arm, given in answers.items()},
        )
        for test in suite.tests
    )


class _Answers:
    """What an arm says to a test's cases. before, after: probabilities [cases, labels], the same without a change.

    label: int64 [cases], the expected label, or the one predicted before the change where none is expected.
    """

    def __init__(self, test: SuiteTest, rows: Mapping[str, int], words: Mapping[str, int], given: Floats) -> None:
        first = [rows[case.text] for case in test.cases]
        second = [rows[case.text if case.changed is None else case.changed] for case in test.cases]
        self.before = np.asarray(given[first], dtype=np.float64)
        self.after = np.asarray(given[second], dtype=np.float64)
        if test.kind == INVARIANCE:
            self.label = predicted_labels(self.before)
        else:
            self.label = np.array([words[case.label] for case in test.cases if case.label is not None])
        self.predicted = predicted_labels(self.after)

    def of_label(self, probabilities: Floats) -> Floats:
        """Return the probability of the label in question, [cases]."""
        return probabilities[np.arange(len(self.label)), self.label]


def _score(test: SuiteTest, answers: _Answers, label_names: Sequence[str]) -> BehaviourScore:
    before, after = answers.of_label(answers.before), answers.of_label(answers.after)
    fall = before - after
    if test.kind in (MINIMUM_FUNCTIONALITY, INVARIANCE):
        failed = answers.predicted != answers.label
    else:
        failed = fall > test.tolerance + _ROUNDING
    badness = 1 - after if test.kind == MINIMUM_FUNCTIONALITY else fall
    shown: list[BehaviourFailure] = []
    templates: set[str] = set()
    for at in np.argsort(-badness, kind="stable"):
        case = test.cases[at]
        if not failed[at] or case.template in templates or len(shown) == SHOWN:
            continue
        templates.add(case.template)
        label, got = label_names[answers.label[at]], label_names[answers.predicted[at]]
        if test.kind in (MINIMUM_FUNCTIONALITY, INVARIANCE):
            shown.append(BehaviourFailure(case.text, case.changed, label, got))
        else:
            least = max(before[at] - test.tolerance, 0)
            shown.append(BehaviourFailure(case.text, case.changed, f"{label} at least {least:.2f}", f"{after[at]:.2f}"))
    failures = int(failed.sum())
    return BehaviourScore(failures, wilson(failures, len(test.cases)), tuple(shown))
