"""Studies to report on, with figures like those of real ones, made without a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from lightune.config import StudyConfig, config_to_dict
from lightune.records import (
    ArmResult,
    Comparison,
    Cost,
    DataFacts,
    Metric,
    Scores,
    SeedScores,
    SplitFacts,
    StudyResult,
    TellingRow,
    TrainingFacts,
    TrainingPoint,
    Verdict,
)

NAN = Metric(math.nan, math.nan, math.nan)
NAMES = ("accuracy", "f1", "macro_f1", "precision", "recall", "loss", "mcc", "auroc", "pr_auc")
REVIEW = (
    "I expected another loud sequel and got a patient film about two brothers who cannot talk to each other."
    "<br /><br />"
    "The music is plain, the pace is slow, and for the first half hour I kept looking at my watch. "
    "Then the younger one opens the letter, and all that seemed idle before turns out to have been preparation. "
    "My neighbour thought it was dull; I have rarely seen a quiet ending that was earned so well. "
    "It is not for everyone, but I would see it again tomorrow."
)


def metrics(accuracy: float, rows: int = 1000) -> dict[str, Metric]:
    """Plausible metrics around an accuracy."""
    half = 1.96 * math.sqrt(accuracy * (1 - accuracy) / rows)
    offsets = (0, 0.004, -0.003, 0.012, -0.008)
    found = {
        name: Metric(accuracy + by, accuracy + by - half, min(1.0, accuracy + by + half))
        for name, by in zip(NAMES[:5], offsets, strict=True)
    }
    found["loss"] = Metric(1.1 - accuracy, 1.06 - accuracy, 1.14 - accuracy)
    found["mcc"] = Metric(2 * accuracy - 1, 2 * accuracy - 1 - 2 * half, 2 * accuracy - 1 + 2 * half)
    found["auroc"] = Metric(min(1, accuracy + 0.07), accuracy + 0.05, min(1, accuracy + 0.09))
    found["pr_auc"] = Metric(min(1, accuracy + 0.06), accuracy + 0.03, min(1, accuracy + 0.08))
    return found


def confusion(accuracy: float, labels: int, rows: int) -> tuple[tuple[int, ...], ...]:
    """Counts whose rows sum to about `rows / labels`, the wrong ones spread unevenly."""
    each = rows // labels
    right = round(each * accuracy)
    table = []
    for true in range(labels):
        row = [0] * labels
        row[true] = right
        left = each - right
        for step in range(1, labels):
            taken = left if step == labels - 1 else (left * 2) // 3
            row[(true + step * (true + 1)) % labels if labels > 2 else 1 - true] += taken
            left -= taken
        table.append(tuple(row))
    return tuple(table)


def cost(**changes: object) -> Cost:
    made = Cost(
        fit_seconds=200.4,
        predict_seconds=8.21,
        trainable_parameters=36_864,
        total_parameters=4_057_600,
        peak_memory_bytes=1_318_000_000,
        artifact_bytes=164_000,
        fit_tokens_per_second=24_310.0,
        fit_rows_per_second=118.2,
        predict_tokens_per_second=61_400.0,
        predict_rows_per_second=121.8,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def training(steps: int = 240) -> TrainingFacts:
    history = []
    for step in range(10, steps + 1, 10):
        looked = step % 30 == 0
        said = {
            "loss": 0.69 * math.exp(-step / 90) + 0.38 + max(0, step - 180) / 900,
            "accuracy": 0.5 + 0.31 * (1 - math.exp(-step / 60)) - max(0, step - 180) / 4000,
            "f1": 0.5 + 0.3 * (1 - math.exp(-step / 60)),
        }
        history.append(
            TrainingPoint(
                step=step,
                epoch=step / 80,
                train_loss=0.7 * math.exp(-step / 70) + 0.3 + 0.03 * math.sin(step),
                learning_rate=5e-4 * (1 - step / steps),
                gradient_norm=1.2,
                validation=said if looked else None,
            )
        )
    recipe = {
        "learning_rate": 5e-4,
        "batch_size": 16,
        "accumulation": 1,
        "schedule": "linear",
        "warmup": 0.06,
        "rank": 8,
        "alpha": 16.0,
        "dropout": 0.0,
        "target_modules": ("c_attn", "c_proj", "c_fc"),
        "frozen_dropout": False,
        "max_steps": None,
    }
    return TrainingFacts(steps, 300, steps / 80, 180, "loss", True, recipe, tuple(history))


def seed_scores(accuracies: tuple[float, ...], train_size: int) -> tuple[SeedScores, ...]:
    return tuple(
        SeedScores(seed, train_size, {n: m.value for n, m in metrics(value).items()}, None)
        for seed, value in enumerate(accuracies)
    )


def pretrained(labels: int = 2, rows: int = 1000) -> ArmResult:
    accuracies = (0.487, 0.531, 0.502, 0.494, 0.516)
    return ArmResult(
        name="pretrained",
        status="done",
        reason=None,
        metrics={**metrics(0.506, rows), "mcc": NAN},
        confusion=confusion(0.506, labels, rows),
        cost=cost(
            fit_seconds=0.0,
            trainable_parameters=0,
            artifact_bytes=8_200_000,
            fit_tokens_per_second=None,
            fit_rows_per_second=None,
        ),
        seeds=seed_scores(accuracies, 0),
        splits={},
        stock_route="transformers: AutoModelForSequenceClassification.from_pretrained(arms/pretrained)",
        reload_difference=0.0,
        cut_rows={"test": 31},
        notes=("The checkpoint has no head that fits: an untrained one, measured over 5 head seeds.",),
    )


def lora(labels: int = 2, rows: int = 1000, accuracy: float = 0.813) -> ArmResult:
    return ArmResult(
        name="lora",
        status="done",
        reason=None,
        metrics=metrics(accuracy, rows),
        confusion=confusion(accuracy, labels, rows),
        cost=cost(),
        seeds=seed_scores((accuracy,), 4000),
        splits={},
        stock_route="peft: PeftModel.from_pretrained(base, arms/lora)",
        training=training(),
        reload_difference=2.4e-7,
        cut_rows={"test": 31},
        notes=("Best validation loss at step 180.",),
    )


NAN_LOSS = "the loss became NaN at step 41: a smaller learning rate may help"


def failed(name: str = "lora", reason: str = NAN_LOSS) -> ArmResult:
    return ArmResult(name, "failed", reason, {}, (), None, (), {}, None)


def comparison(
    delta: float = 0.31,
    half: float = 0.029,
    p: float = 1e-40,
    *,
    a: str = "lora",
    b: str = "pretrained",
    labels: tuple[str, ...] = ("negative", "positive"),
    rows: int = 1000,
    telling: int = 10,
) -> Comparison:
    wins, losses = round(rows * (0.05 + max(delta, 0))), round(rows * (0.05 + max(-delta, 0)))
    return Comparison(
        a=a,
        b=b,
        seed=0,
        rows=rows,
        delta_accuracy=Metric(delta, delta - half, delta + half),
        delta_f1=Metric(delta + 0.006, delta + 0.006 - half, delta + 0.006 + half),
        p_value=p,
        wins=wins,
        losses=losses,
        both_right=rows // 2,
        both_wrong=max(0, rows - rows // 2 - wins - losses),
        won=tuple(
            TellingRow(f"w{i}-0", labels[i % 2], labels[i % 2], labels[1 - i % 2], 0.99 - i / 100, 0.31)
            for i in range(telling)
        ),
        lost=tuple(
            TellingRow(f"l{i}-0", labels[i % 2], labels[1 - i % 2], labels[i % 2], 0.04 + i / 100, 0.58)
            for i in range(telling)
        ),
    )


def data(labels: tuple[str, ...] = ("negative", "positive"), rows: int = 1000) -> DataFacts:
    def split(size: int, empty: int = 0) -> SplitFacts:
        return SplitFacts(size, {name: size // len(labels) for name in labels}, empty, 2)

    return DataFacts(
        source="embedded",
        fingerprint="9f" * 32,
        label_names=labels,
        positive_label=labels[1] if len(labels) == 2 else None,
        text_column="text",
        label_column="label",
        splits={"train": split(3600), "validation": split(400), "test": split(rows, 1)},
        train_test_overlap=3,
        notes=("No validation split: 10 % were cut from train.",),
    )


def study(
    arms: tuple[ArmResult, ...] | None = None,
    comparisons: tuple[Comparison, ...] | None = None,
    facts: DataFacts | None = None,
) -> StudyResult:
    """The demo: an untrained head and LoRA on two labels, unless told otherwise."""
    arms = (pretrained(), lora()) if arms is None else arms
    comparisons = (comparison(),) if comparisons is None else comparisons
    return StudyResult(
        schema_version=1,
        config=config_to_dict(StudyConfig()),
        environment={
            "lightune": "0.1.0",
            "python": "3.11.7",
            "torch": "2.10.0",
            "device": "cpu",
            "threads": 2,
            "machine": {"cpu": "x86_64", "cores": 2},
        },
        data=facts or data(),
        arms=arms,
        comparisons=comparisons,
        verdict=told(arms, comparisons),
    )


def told(arms: tuple[ArmResult, ...], pairs: tuple[Comparison, ...]) -> Verdict:
    """That the first arm of the first comparison won; what there is to say without one."""
    done = [arm.name for arm in arms if arm.status == "done"]
    if not done:
        return Verdict("nothing")
    if not pairs:
        return Verdict("alone", done[-1])
    first = pairs[0]
    return Verdict("won", first.a, first.b, first.delta_accuracy, first.p_value, first.p_value, first.rows, 0.024, 0.02)


def texts(result: StudyResult, text: str = REVIEW) -> Mapping[str, str]:
    """A text for every row that the records name."""
    found = result.findings
    ids = [row.row_id for each in result.comparisons for row in (*each.won, *each.lost)]
    ids += [row.row_id for each in found.alone_right for row in each.shown]
    ids += [row.row_id for row in (found.label_issues.shown if found.label_issues else ())]
    ids += [row.row_id for row in (found.overlap.shown if found.overlap else ())]
    return dict.fromkeys(ids, text)


def with_splits() -> StudyResult:
    """The demo with the hand-written reviews beside the test rows."""
    arms = tuple(
        replace(arm, splits={"handwritten": Scores(300, metrics(value, 300), confusion(value, 2, 300))})
        for arm, value in ((pretrained(), 0.497), (lora(), 0.71))
    )
    return study(arms)


def many_labels(count: int = 77) -> StudyResult:
    """Four arms, several seeds, many labels, every pair compared, one arm failed."""
    labels = tuple(f"intent_{i:02d}_why_is_my_card_payment_declined" for i in range(count))
    rows = count * 40
    lora_ = replace(lora(count, rows), seeds=seed_scores((0.813, 0.797, 0.82), 8000))
    full = replace(lora(count, rows, 0.842), name="full", cost=cost(trainable_parameters=4_057_600))
    arms = (pretrained(count, rows), lora_, full, failed("ia3", "out of memory"))
    names = [arm.name for arm in arms[:3]]
    pairs = tuple(comparison(a=a, b=b, labels=labels, rows=rows) for i, a in enumerate(names) for b in names[:i])
    return study(arms, pairs, data(labels, rows))
