"""Where the arms of a study are right and wrong: each analysis asked for what it needs, and what was left out said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lightune.config import StudyConfig
from lightune.evaluation import alone_right, label_issues, learning_curve, overlap, slices
from lightune.records import Curve, CurvePoint, Findings, LabelIssues, Overlap, Predictions, Splits, StudyResult
from lightune.study.answered import Answered
from lightune.study.behaving import check_behaviour
from lightune.study.folder import StudyFolder
from lightune.study.handover import read_cut


def find(
    folder: StudyFolder,
    answered: Sequence[Answered],
    result: StudyResult,
    splits: Splits,
    config: StudyConfig,
    say: Callable[[str], None],
) -> Findings:
    """Do every analysis of the first seeds' answers. Nothing is found where no arm has any."""
    firsts = {arm.name: arm.first for arm in answered if arm.first is not None}
    if not firsts:
        return Findings()
    left_out: dict[str, str] = {}
    say("slices")
    cut = _cut(folder, answered, result, len(splits.test)) if config.data.folds is None else None
    parts = slices(splits.test, firsts, splits.label_names, config.analysis.slices, cut)
    say("near-duplicates")
    repeats = _overlap(splits, config, firsts, left_out)
    say("suspected label errors")
    issues = _label_issues(firsts, result, left_out)
    say("behaviour checks")
    behaviour = check_behaviour(folder, answered, splits, config)
    say("learning curves")
    return Findings(
        slices=parts,
        alone_right=alone_right(firsts),
        label_issues=issues,
        overlap=repeats,
        behaviour=behaviour,
        curves=tuple(
            _curve(arm, splits) for arm in answered if arm.parts and (arm.curve or _failed_points(arm, splits))
        ),
        left_out=left_out,
    )


def best_arm(result: StudyResult, names: Sequence[str]) -> str | None:
    """Of the arms with these names the one of the highest accuracy, the first of equals."""
    found = [arm for arm in result.arms if arm.name in names]
    return max(found, key=lambda arm: arm.metrics["accuracy"].value).name if found else None


def _cut(folder: StudyFolder, answered: Sequence[Answered], result: StudyResult, rows: int) -> NDArray[np.bool_] | None:
    """Which test texts the model's limit cuts: as the verdict's subject reads them, else the first arm that has a
    limit; the prompt of zero-shot, which leaves less room, comes last."""
    for arm in sorted(answered, key=lambda arm: (arm.name != result.verdict.subject, arm.name == "zero-shot")):
        for record in arm.records:
            cut = read_cut(folder.run(record.key), "test", rows)
            if cut is not None:
                return cut
    return None


def _overlap(
    splits: Splits, config: StudyConfig, firsts: Mapping[str, Predictions], left_out: dict[str, str]
) -> Overlap | None:
    if config.data.folds is None:
        return overlap((splits.train, splits.validation), splits.test, firsts)
    alike = overlap((splits.train.take([]),), splits.test, firsts).in_test
    left_out["near-duplicates"] = (
        f"{alike:,} of the {len(splits.test):,} rows are like an earlier one. In a cross-validation the two may stand "
        "in train and test of the same fold, which flatters every arm that learns; mend the data, or name what belongs "
        "together with --group-column."
    )
    return None


def _label_issues(
    firsts: Mapping[str, Predictions], result: StudyResult, left_out: dict[str, str]
) -> LabelIssues | None:
    """By the best arm's probabilities, of those that have any worth the name."""
    names = [arm.name for arm in result.arms if arm.name in firsts and not arm.labels_only and arm.name != "majority"]
    best = best_arm(result, names)
    if best is None:
        left_out["suspected label errors"] = "No arm gives probabilities that depend on the text."
        return None
    found = label_issues(firsts, best)
    if found is None:
        left_out["suspected label errors"] = f"{best} says the same of every test row, or they have one label."
    return found


def _failed_points(arm: Answered, splits: Splits) -> tuple[str, ...]:
    return tuple(
        f"The run on {record.key.train_size:,} rows (seed {record.key.seed}) failed: {record.reason}"
        for record in arm.failed
        if record.key.train_size < len(splits.train)
    )


def _curve(arm: Answered, splits: Splits) -> Curve:
    accuracy: dict[int, list[float]] = {}
    runs = [*((part, record.key.train_size) for record, part in arm.curve)]
    runs += [(part, record.key.train_size) for record in arm.records for part in arm.parts if part.seed in record.seeds]
    for part, size in runs:
        right = part.probabilities.argmax(axis=1) == part.labels
        accuracy.setdefault(size, []).append(float(right.mean()))
    points = [CurvePoint(size, tuple(values)) for size, values in sorted(accuracy.items())]
    return replace(learning_curve(arm.name, points, len(splits.test)), failed=_failed_points(arm, splits))
