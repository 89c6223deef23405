"""From the runs' records and saved predictions to a study's result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from lightune.arms import KINDS
from lightune.config import StudyConfig, config_to_dict
from lightune.evaluation import (
    calibration,
    compare,
    compare_folds,
    compare_seeds,
    frontiers,
    point_metrics,
    positive_index,
    score,
    score_folds,
    verdict,
    with_holm,
)
from lightune.records import (
    SCHEMA_VERSION,
    ArmResult,
    Comparison,
    CrossValidation,
    Metric,
    Predictions,
    RunRecord,
    Scores,
    SeedComparison,
    SeedScores,
    Splits,
    StudyResult,
)
from lightune.study.answered import Answered, gather
from lightune.study.findings import find
from lightune.study.folder import StudyFolder
from lightune.study.portion import VALIDATION, fold_train_size

# What labels without probabilities do not have.
NEED_PROBABILITIES = ("loss", "auroc", "pr_auc")


def collect(
    folder: StudyFolder,
    records: Sequence[RunRecord],
    splits: Splits,
    config: StudyConfig,
    environment: Mapping[str, Any],
    say: Callable[[str], None],
) -> StudyResult:
    """Evaluate all `records`, writing each arm's predictions into one file. Arms keep the order they have there.

    say: hears what is being worked out.
    """
    say("metrics")
    folds = config.data.folds
    size = len(splits.train) if folds is None else fold_train_size(splits, config)
    names = dict.fromkeys(record.key.arm for record in records)
    answered = [
        gather(folder, name, [record for record in records if record.key.arm == name], size, splits.test, folds)
        for name in names
    ]
    measure = _Measure(splits, config, size)
    arms = tuple(measure.arm(arm) for arm in answered)
    say("comparisons")
    comparisons = with_holm(measure.comparisons(answered))
    seeds = () if folds is not None else tuple(measure.seed_comparisons(answered))
    result = StudyResult(
        schema_version=SCHEMA_VERSION,
        config=config_to_dict(config),
        environment=environment,
        data=splits.facts,
        arms=arms,
        comparisons=comparisons,
        verdict=verdict(arms, comparisons, seeds),
        seed_comparisons=seeds,
        frontiers=frontiers(arms),
        cross_validation=CrossValidation(folds, config.data.repeats) if folds is not None else None,
    )
    return replace(result, findings=find(folder, answered, result, splits, config, say))


class _Measure:
    """What every measurement of one study has in common: its labels, and whether it is a cross-validation."""

    def __init__(self, splits: Splits, config: StudyConfig, size: int) -> None:
        self.positive = positive_index(splits.label_names, splits.facts.positive_label)
        self.config = config
        self.size = size
        # Of a fold's training rows: those that are not kept for choosing.
        self.learned = round(size * (1 - VALIDATION.share))

    def arm(self, answered: Answered) -> ArmResult:
        """All runs of an arm, evaluated."""
        failed = [record for record in answered.failed if record.key.train_size == self.size]
        if not answered.records:
            which = f"seed {failed[0].key.seed}: " if len(failed) > 1 or self.config.data.folds is not None else ""
            reason = f"{which}{failed[0].reason}" if failed else "none of its runs is done"
            return ArmResult(answered.name, "failed", reason, {}, (), None, (), {}, None)
        reasons = "; ".join(f"seed {record.key.seed}: {record.reason}" for record in failed)
        first = answered.records[0]
        others = dict.fromkeys(part.split for part in answered.others)
        scores = _told(self._scores(answered), first)
        assert answered.first is not None
        return ArmResult(
            name=answered.name,
            status="failed" if failed else "done",
            reason=reasons or None,
            metrics=scores.metrics,
            confusion=scores.confusion,
            cost=first.cost,
            seeds=tuple(self._seeds(answered)),
            splits={
                split: _told(score([part for part in answered.others if part.split == split], self.positive), first)
                for split in others
            },
            stock_route=first.stock_route,
            training=first.training,
            reload_difference=first.reload_difference,
            cut_rows=first.cut_rows,
            notes=(*first.notes, *self._fold_note()),
            head=first.head,
            validation_use=first.validation_use,
            labels_only=first.labels_only,
            certificate=first.certificate,
            calibration=None if first.labels_only else calibration(answered.first, self._temperature(first)),
        )

    def comparisons(self, answered: Sequence[Answered]) -> list[Comparison]:
        """Each pair of arms, the later one in the ladder first, on the test rows, for each seed that both have."""
        return [found for before, after in combinations(_ladder(answered), 2) for found in self._pair(after, before)]

    def seed_comparisons(self, answered: Sequence[Answered]) -> list[SeedComparison]:
        """Each pair of arms of which one has several seeds."""
        done = _ladder(answered)
        return [
            compare_seeds(after.parts, before.parts, self.positive)
            for before, after in combinations(done, 2)
            if max(len(before.parts), len(after.parts)) > 1
        ]

    def _pair(self, a: Answered, b: Answered) -> list[Comparison]:
        folds = self.config.data.folds
        if folds is not None:
            both = set(a.seeds) & set(b.seeds)
            of_a, of_b = ([part for part in arm.parts if part.seed in both] for arm in (a, b))
            return [compare_folds(of_a, of_b, folds, self.learned, self.positive)] if both else []
        theirs = {part.seed: part for part in b.parts}
        return [compare(part, theirs[part.seed], self.positive) for part in a.parts if part.seed in theirs]

    def _fold_note(self) -> tuple[str, ...]:
        if self.config.data.folds is None:
            return ()
        return ("What is saved is the model of the first fold, which learned from a part of the rows only.",)

    def _scores(self, answered: Answered) -> Scores:
        if self.config.data.folds is None:
            return score(answered.parts, self.positive)
        return score_folds(answered.parts, self.config.data.folds, self.learned, self.positive)

    def _seeds(self, answered: Answered) -> list[SeedScores]:
        runs = [(record, part) for record in answered.records for part in answered.parts if part.seed in record.seeds]
        return [
            SeedScores(
                part.seed,
                record.key.train_size,
                self._values(record, part),
                record.cost,
            )
            for record, part in (*runs, *answered.curve)
        ]

    def _values(self, record: RunRecord, part: Predictions) -> dict[str, float]:
        values = point_metrics(part.labels, part.probabilities, self.positive)
        return {**values, **dict.fromkeys(NEED_PROBABILITIES, math.nan)} if record.labels_only else values

    def _temperature(self, record: RunRecord) -> float | None:
        """Of a cross-validation none: each fold has its own."""
        return record.temperature if self.config.data.folds is None else None


def _ladder(answered: Sequence[Answered]) -> list[Answered]:
    """The arms that have answers, cheapest kind first."""
    order = {name: at for at, name in enumerate(KINDS)}
    return sorted((arm for arm in answered if arm.parts), key=lambda arm: order.get(arm.name, len(order)))


def _told(scores: Scores, record: RunRecord) -> Scores:
    """The scores without what labels alone do not tell."""
    if not record.labels_only:
        return scores
    undefined = dict.fromkeys(NEED_PROBABILITIES, Metric(math.nan, math.nan, math.nan))
    return replace(scores, metrics={**scores.metrics, **undefined})
