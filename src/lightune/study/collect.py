"""From the runs' records and saved predictions to a study's result. Needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from lightune.arms import KINDS
from lightune.evaluation import compare, point_metrics, positive_index, score
from lightune.predictions import read_predictions, write_predictions
from lightune.records import (
    SCHEMA_VERSION,
    ArmResult,
    Comparison,
    DataFacts,
    Predictions,
    RunRecord,
    SeedScores,
    StudyResult,
)
from lightune.study.folder import StudyFolder
from lightune.study.runs import PREDICTIONS


def collect(
    folder: StudyFolder,
    records: Sequence[RunRecord],
    facts: DataFacts,
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> StudyResult:
    """Evaluate all `records`, writing each arm's predictions into one file. Arms keep the order they have there."""
    positive = positive_index(facts.label_names, facts.positive_label)
    arms = list(dict.fromkeys(record.key.arm for record in records))
    predictions = {arm: _gather(folder, arm, records) for arm in arms}
    results = tuple(_arm(arm, [r for r in records if r.key.arm == arm], predictions[arm], positive) for arm in arms)
    return StudyResult(
        schema_version=SCHEMA_VERSION,
        config=config,
        environment=environment,
        data=facts,
        arms=results,
        comparisons=tuple(_comparisons(predictions, positive)),
    )


def _gather(folder: StudyFolder, arm: str, records: Sequence[RunRecord]) -> tuple[Predictions, ...]:
    parts = tuple(
        part
        for record in records
        if record.key.arm == arm and record.status == "done"
        for part in read_predictions(folder.run(record.key) / PREDICTIONS)
    )
    if parts:
        write_predictions(folder.predictions(arm), arm, parts)
    return parts


def _arm(
    name: str, records: Sequence[RunRecord], predictions: Sequence[Predictions], positive: int | None
) -> ArmResult:
    done = [record for record in records if record.status == "done"]
    failed = [record for record in records if record.status != "done"]
    reasons = "; ".join(f"seed {record.key.seed}: {record.reason}" for record in failed) if done else None
    if not done:
        return ArmResult(
            name=name,
            status="failed",
            reason=failed[0].reason,
            metrics={},
            confusion=(),
            cost=None,
            seeds=(),
            splits={},
            stock_route=None,
        )
    test = [part for part in predictions if part.split == "test"]
    scores = score(test, positive)
    others = dict.fromkeys(part.split for part in predictions if part.split != "test")
    first = done[0]
    return ArmResult(
        name=name,
        status="failed" if failed else "done",
        reason=reasons or None,
        metrics=scores.metrics,
        confusion=scores.confusion,
        cost=first.cost,
        seeds=tuple(_seed(record, part, positive) for record in done for part in test if _made_by(record, part)),
        splits={split: score([part for part in predictions if part.split == split], positive) for split in others},
        stock_route=first.stock_route,
        training=first.training,
        reload_difference=first.reload_difference,
        cut_rows=first.cut_rows,
        notes=first.notes,
        head=first.head,
    )


def _seed(record: RunRecord, part: Predictions, positive: int | None) -> SeedScores:
    return SeedScores(part.seed, part.train_size, point_metrics(part.labels, part.probabilities, positive), record.cost)


def _made_by(record: RunRecord, part: Predictions) -> bool:
    return part.seed in record.seeds and part.train_size == record.key.train_size


def _comparisons(predictions: Mapping[str, Sequence[Predictions]], positive: int | None) -> list[Comparison]:
    """Each pair of arms, the later one in the ladder first, on the test rows, for each seed that both have."""
    tests = {
        arm: {part.seed: part for part in parts if part.split == "test"} for arm, parts in predictions.items() if parts
    }
    order = {name: at for at, name in enumerate(KINDS)}
    ladder = sorted(tests, key=lambda arm: order.get(arm, len(order)))
    return [
        compare(tests[after][seed], tests[before][seed], positive)
        for before, after in combinations(ladder, 2)
        for seed in tests[after]
        if seed in tests[before]
    ]
