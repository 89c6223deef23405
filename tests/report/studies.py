"""Whole studies: every arm, two seeds, verdicts of each kind."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import combinations

from lightune.records import (
    ArmResult,
    Calibration,
    CrossValidation,
    Frontier,
    Metric,
    ReliabilityBin,
    SeedComparison,
    StudyResult,
    Verdict,
)

from . import factory
from .found import findings, share

RIGHT = {"majority": 0.5, "tfidf": 0.823, "pretrained": 0.506, "zero-shot": 0.584, "probe": 0.741, "full": 0.842}
COSTS = ("seconds", "peak_memory_bytes", "artifact_bytes", "trainable_parameters", "fit_seconds")
# name -> seconds to fit, seconds to predict, memory in MB, saved size in kB
SPENT = {
    "majority": (0.001, 0.002, 190, 1),
    "tfidf": (2.1, 0.4, 310, 2_900),
    "pretrained": (0.0, 8.3, 1_210, 8_200),
    "zero-shot": (0.0, 61.0, 1_260, 12),
    "probe": (31.0, 8.4, 1_230, 40),
    "lora": (200.4, 8.2, 1_318, 164),
    "full": (391.0, 8.1, 1_690, 16_300),
    "ia3": (140.0, 8.3, 1_290, 45),
    "api": (0.0, 0.0, 0, 0),
}
USES = {
    "majority": "nothing",
    "tfidf": "C chosen on it, then a refit on train and validation",
    "pretrained": "nothing",
    "zero-shot": "calibrating its temperature",
    "probe": "C chosen on it",
    "lora": "choosing the step that is kept, and its temperature",
    "full": "choosing the step that is kept, and its temperature",
}


def arm(name: str, accuracy: float, labels: int, rows: int, seeds: int) -> ArmResult:
    fit, predict, memory, saved = SPENT.get(name, SPENT["lora"])
    tuned = name in ("lora", "full", "ia3")
    made = factory.lora(labels, rows, accuracy)
    return replace(
        made,
        name=name,
        confusion=factory.confusion(accuracy, labels, rows),
        cost=replace(
            factory.cost(),
            fit_seconds=fit,
            predict_seconds=predict,
            peak_memory_bytes=memory * 10**6,
            artifact_bytes=saved * 1000,
            trainable_parameters=0 if not tuned else 4_057_600 if name == "full" else 36_864,
        ),
        seeds=factory.seed_scores(tuple(accuracy + 0.006 * (-1) ** at for at in range(seeds if tuned else 1)), 3600),
        training=made.training if tuned else None,
        validation_use=USES.get(name, ""),
        calibration=calibration(accuracy, rows),
        notes=(),
        stock_route=f"none: {name} is lightune's own",
    )


def calibration(accuracy: float, rows: int) -> Calibration:
    bins = tuple(
        ReliabilityBin(rows // 8, at / 10, share(min(1, max(0, at / 10 + 0.06 * math.sin(at))), rows // 8))
        for at in range(3, 10)
    )
    return Calibration(
        share(0.062, rows),
        Metric(0.31, 0.29, 0.33),
        Metric(0.48, 0.45, 0.51),
        bins,
        1.31,
        {"ece": 0.021, "brier": 0.29, "nll": 0.44},
    )


def verdict(kind: str, subject: str, rival: str, difference: float, half: float, rows: int) -> Verdict:
    p = 0.0004 if kind in ("won", "lost") else 0.41
    between = Metric(difference, difference - half, difference + half)
    return Verdict(kind, subject, rival, between, p, min(1, 6 * p), rows, 0.024, 0.01, seeds=False)


def whole(
    kind: str = "won", count: int = 2, rows: int = 1000, seeds: int = 2, extra: tuple[str, ...] = ()
) -> StudyResult:
    """Seven arms and `extra` ones, all findings, and a verdict of that kind."""
    labels = label_names(count)
    tfidf = {"won": 0.801, "lost": 0.862, "tied": 0.843, "too small": 0.83}[kind]
    right = {**RIGHT, "tfidf": tfidf, "lora": 0.836, **dict.fromkeys(extra, 0.79)}
    order = ("majority", "tfidf", "pretrained", "zero-shot", "probe", "lora", "full", *extra)
    arms = tuple(arm(name, right[name], count, rows, seeds) for name in order)
    pairs = tuple(
        replace(
            factory.comparison(right[a] - right[b], 0.02, 0.003, a=a, b=b, labels=labels, rows=rows, telling=5),
            seed=seed,
            p_mid=0.0026,
            p_holm=0.04,
            detectable=0.024,
        )
        for b, a in combinations(order, 2)
        for seed in range(seeds if {a, b} <= {"lora", "full"} else 1)
    )
    over_seeds = tuple(
        SeedComparison(each.a, each.b, seeds, 1, rows, each.delta_accuracy, each.delta_f1, 0.006, 0.011)
        for each in pairs
        if each.seed == 0 and seeds > 1 and {each.a, each.b} & {"lora", "full"}
    )
    half = {"won": 0.021, "lost": 0.012, "tied": 0.008, "too small": 0.06}[kind]
    return replace(
        factory.study(arms, pairs, factory.data(labels, rows)),
        verdict=verdict(kind, "full", "tfidf", right["full"] - tfidf, half, rows),
        seed_comparisons=over_seeds,
        frontiers=tuple(frontier(arms, key) for key in COSTS),
        findings=findings(arms, labels, rows),
    )


def label_names(count: int) -> tuple[str, ...]:
    if count == 2:
        return ("negative", "positive")
    if count == 6:
        return ("sadness", "joy", "love", "anger", "fear", "surprise")
    return tuple(f"intent_{i:02d}_why_is_my_card_payment_declined" for i in range(count))


def frontier(arms: tuple[ArmResult, ...], key: str) -> Frontier:
    def price(each: ArmResult) -> float:
        assert each.cost is not None
        if key == "seconds":
            return each.cost.fit_seconds + each.cost.predict_seconds
        return float(getattr(each.cost, key))

    kept: list[ArmResult] = []
    for each in sorted(arms, key=price):
        if not kept or each.metrics["accuracy"].value > kept[-1].metrics["accuracy"].value:
            kept.append(each)
    return Frontier(key, tuple(each.name for each in kept))


def with_answers() -> StudyResult:
    """The study that was won, with an arm that came from a file of labels."""
    made = whole("won")
    nothing = dict.fromkeys(("loss", "auroc", "pr_auc"), factory.NAN)
    api = replace(
        arm("api", 0.79, 2, 1000, 1),
        metrics={**factory.metrics(0.79), **nothing},
        cost=None,
        calibration=None,
        labels_only=True,
        validation_use="not known",
    )
    return replace(made, arms=(*made.arms, api))


@cache
def cross_validated() -> StudyResult:
    made = whole("too small", rows=400)
    return replace(made, cross_validation=CrossValidation(5, 3))
