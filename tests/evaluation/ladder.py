"""Arms and comparisons made up for tests."""

from __future__ import annotations

from dataclasses import replace

from lightune.records import ArmResult, Comparison, Cost, Metric, SeedComparison, TrainingFacts

TRAINING = TrainingFacts(1, 1, 1.0, 1, "loss", False, {}, ())


def arm(name: str, accuracy: float = 0.8, tuned: bool = False, **changes: object) -> ArmResult:
    """An arm that is done; `tuned`: with facts of a training."""
    made = ArmResult(
        name=name,
        status="done",
        reason=None,
        metrics={"accuracy": Metric(accuracy, accuracy - 0.01, accuracy + 0.01)},
        confusion=(),
        cost=Cost(1.0, 1.0, 0, 0, 100, 10),
        seeds=(),
        splits={},
        stock_route=None,
        training=TRAINING if tuned else None,
    )
    return replace(made, **changes)


def comparison(
    a: str = "lora",
    b: str = "tfidf",
    delta: tuple[float, float, float] = (0.05, 0.02, 0.08),
    p_value: float = 0.001,
    **changes: object,
) -> Comparison:
    """A comparison on 1,000 rows; delta: value, low and high of the difference in accuracy."""
    made = Comparison(
        a=a,
        b=b,
        seed=0,
        rows=1000,
        delta_accuracy=Metric(*delta),
        delta_f1=Metric(*delta),
        p_value=p_value,
        wins=80,
        losses=30,
        both_right=700,
        both_wrong=190,
        detectable=0.03,
    )
    return replace(made, **changes)


def seed_comparison(
    a: str = "lora", b: str = "tfidf", delta: tuple[float, float, float] = (0.04, -0.01, 0.09), **changes: object
) -> SeedComparison:
    """A comparison of three seeds with one, on 1,000 rows."""
    made = SeedComparison(a, b, 3, 1, 1000, Metric(*delta), Metric(*delta), 0.01, 0.01)
    return replace(made, **changes)
