"""Two finished studies on the rows that both tested. Reads what they saved; needs no model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lightune.errors import InputError
from lightune.evaluation import compare, decided, holm, positive_index, score
from lightune.records import (
    Comparison,
    Difference,
    OtherTruth,
    SharedPair,
    SharedScore,
    SideBySide,
    StudyResult,
    StudySide,
)
from lightune.report.title import title
from lightune.study.saved import SavedStudy, read_study

SHOWN = 10
PICKED = "Each study's best arm was picked on these same rows, which flatters both."
FOLDS = (
    "Rows of a cross-validation were answered by models that share training rows. The intervals and p-values here take "
    "no account of that, so they look surer than they are."
)


def side_by_side(a: Path, b: Path) -> SideBySide:
    """Compare the studies in the folders `a` and `b` on the test rows that both have, joined by row id.

    Of each arm the run on the most training rows with the lowest seed counts; of a cross-validation the folds of its
    first repeat together. Rows with another true label in B are counted and left out. Probabilities are joined by label
    name. p_holm of the pairs is corrected over the arms that both have; that of the best two stays NaN.

    Raises InputError where a folder holds no finished study, its predictions are absent or damaged, the two have
    different labels, or no row is left.
    """
    left, right = read_study(a), read_study(b)
    names = left.result.data.label_names
    _check_labels(left, right)
    right = right.with_labels(names)
    in_both, other = _shared(left, right)
    wrong = {row.row_id for row in other}
    kept = [row for row in in_both if row not in wrong]
    if not kept:
        raise InputError(
            f"{b}: test rows that {a} has too are expected, with the same labels. "
            + (f"All {len(other):,} that they share have other labels." if other else "The two share none.")
        )
    left, right = left.on(kept), right.on(kept)
    positive = positive_index(names, left.result.data.positive_label)
    scores = (*_scores("A", left, positive), *_scores("B", right, positive))
    best_a, best_b = (_best(scores, study) for study in ("A", "B"))
    return SideBySide(
        a=_told(left),
        b=_told(right),
        label_names=names,
        positive_label=left.result.data.positive_label,
        in_both=len(in_both),
        other_truths=len(other),
        shown=tuple(other[:SHOWN]),
        rows=len(kept),
        differences=tuple(_differences(left.result, right.result)),
        scores=scores,
        pairs=_pairs(left, right, positive),
        best=_decided(compare(left.arms[best_a], right.arms[best_b], positive), math.nan),
        notes=tuple(_notes(left, right)),
    )


def _told(study: SavedStudy) -> StudySide:
    return StudySide(str(study.folder), title(study.result), study.rows, study.left_out)


def _check_labels(a: SavedStudy, b: SavedStudy) -> None:
    of_a, of_b = a.result.data.label_names, b.result.data.label_names
    lacking = [
        f"only {side.folder} has {', '.join(name for name in mine if name not in theirs)}"
        for side, mine, theirs in ((a, of_a, of_b), (b, of_b, of_a))
        if set(mine) - set(theirs)
    ]
    if lacking:
        raise InputError(f"Two studies with the same labels are expected, but {' and '.join(lacking)}.")


def _shared(a: SavedStudy, b: SavedStudy) -> tuple[list[str], list[OtherTruth]]:
    """Rows that both have, in A's order, and those of them that have another true label in B."""
    of_a, of_b = a.truths(), b.truths()
    shared = [row for row in of_a if row in of_b]
    return shared, [OtherTruth(row, of_a[row], of_b[row]) for row in shared if of_a[row] != of_b[row]]


def _scores(study: str, side: SavedStudy, positive: int | None) -> list[SharedScore]:
    scores = []
    for arm, part in side.arms.items():
        metrics = score([part], positive).metrics
        scores.append(SharedScore(study, arm, part.train_size, part.seed, metrics["accuracy"], metrics["f1"]))
    return scores


def _best(scores: Sequence[SharedScore], study: str) -> str:
    """The study's arm of the highest accuracy, the first of equals."""
    return max((one for one in scores if one.study == study), key=lambda one: one.accuracy.value).arm


def _pairs(a: SavedStudy, b: SavedStudy, positive: int | None) -> tuple[SharedPair, ...]:
    found = [compare(part, b.arms[arm], positive) for arm, part in a.arms.items() if arm in b.arms]
    corrected = holm([one.p_value for one in found])
    return tuple(_decided(one, p) for one, p in zip(found, corrected, strict=True))


def _decided(comparison: Comparison, p_holm: float) -> SharedPair:
    """Say which is better: the interval leaves 0 out, and the test's p, corrected where it is, is below 0.05."""
    corrected = replace(comparison, p_holm=p_holm)
    better = {1: "A", -1: "B", 0: ""}[decided(corrected)]
    return SharedPair(corrected, better)


def _differences(a: StudyResult, b: StudyResult) -> list[Difference]:
    told = zip(_facts(a).items(), _facts(b).values(), strict=True)
    return [Difference(what, mine, theirs) for (what, mine), theirs in told if mine != theirs]


def _facts(result: StudyResult) -> dict[str, str]:
    """What decides what a study's figures mean, in words."""
    model, data, folds = result.config.get("model") or {}, result.data, result.cross_validation
    train = data.splits.get("train")
    return {
        "model": str(model.get("source")),
        "tokens at most": str(model.get("max_length") or "the model's own limit"),
        "long texts keep their": str(model.get("truncate")),
        "data": data.source,
        "data's fingerprint": data.fingerprint[:12],
        "training rows": f"{train.rows:,}" if train else "none",
        "labels in order": ", ".join(data.label_names),
        "positive label": data.positive_label or "none",
        "cross-validation": f"{folds.folds} folds, {folds.repeats} times" if folds else "no",
    }


def _notes(a: SavedStudy, b: SavedStudy) -> list[str]:
    notes = [PICKED] if max(len(a.arms), len(b.arms)) > 1 else []
    return notes + ([FOLDS] if a.result.cross_validation or b.result.cross_validation else [])
