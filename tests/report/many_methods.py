"""A study of many methods of fine-tuning: twelve adapters beside the usual arms, with certificates."""

from __future__ import annotations

from dataclasses import replace

from lightune.evaluation import frontiers
from lightune.records import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    ArmResult,
    Certificate,
    Check,
    RateTrial,
    StudyResult,
    TrainingFacts,
)

from . import factory, studies

BASE = 124_439_808
# name -> accuracy, trained parameters, seconds to fit, memory in MB, saved size in kB
METHODS = {
    "lora": (0.836, 1_181_184, 612.0, 2_310, 4_760),
    "dora": (0.841, 1_264_128, 934.0, 2_680, 5_090),
    "adalora": (0.829, 1_771_992, 798.0, 2_420, 7_120),
    "ia3": (0.807, 57_600, 540.0, 2_190, 270),
    "prefix-tuning": (0.791, 370_176, 511.0, 2_050, 1_500),
    "prompt-tuning": (0.752, 16_896, 640.0, 2_080, 96),
    "vera": (0.818, 38_400, 655.0, 2_330, 190),
    "oft": (0.833, 1_036_800, 890.0, 2_560, 4_180),
    "boft": (0.834, 1_105_920, 1_990.0, 3_120, 4_470),
    "loha": (0.826, 2_360_832, 871.0, 2_640, 9_480),
    "lokr": (0.812, 92_160, 702.0, 2_400, 410),
    "fourierft": (0.811, 25_536, 760.0, 2_450, 130),
}
TRIALS = (RateTrial(1e-4, 0.631, 20, 9.1), RateTrial(5e-4, 0.502, 20, 9.0), RateTrial(2e-3, float("nan"), 20, 9.2))
CHECKS = {
    "alone = in a batch": ("each text alone beside all in batches", 1e-5),
    "padding": ("padded left, padded right, longer", 1e-5),
    "head and adapter trained": ("what should have moved beside its start", None),
    "base untouched": ("every weight of the base before and after", 0.0),
    "saved = in memory": ("logits of the loaded artefact beside those in memory", 1e-5),
    "merged = unmerged": ("the adapter merged into the base beside it unmerged", 1e-4),
    "exported = in memory": ("the exported folder beside the model in memory", 1e-5),
    "same labels in every format": ("the labels that each format gives", None),
    "stock peft": ("what stock peft answers", 1e-5),
    "probabilities": ("that they sum to one, in shares", 1e-6),
    "end-of-text token": ("the token in a text beside plain characters", 1e-5),
}
UNMERGED = "its vectors stand before the text, so there is no weight to merge them into"


def study() -> StudyResult:
    """Seventeen arms: some searched their learning rate, one failed a line of its certificate."""
    whole = studies.whole("won", seeds=1)
    usual = tuple(_cheap(arm) for arm in whole.arms if arm.name not in ("lora", "zero-shot"))
    arms = (*usual, *(method(name, searched=name != "ia3") for name in METHODS))
    return replace(whole, arms=arms, frontiers=frontiers(arms), config={"model": {"source": "gpt2"}, "training": {}})


def method(name: str, searched: bool = False) -> ArmResult:
    accuracy, parameters, seconds, memory, size = METHODS[name]
    made = studies.arm(name, accuracy, 2, 1000, 1)
    return replace(
        made,
        cost=factory.cost(
            fit_seconds=seconds,
            trainable_parameters=parameters,
            total_parameters=BASE + parameters,
            peak_memory_bytes=memory * 10**6,
            artifact_bytes=size * 1000,
        ),
        training=training(TRIALS if searched else ()),
        stock_route="adapter",
        certificate=certificate(name),
    )


def training(trials: tuple[RateTrial, ...] = ()) -> TrainingFacts:
    return replace(factory.training(), trials=trials)


def certificate(name: str) -> Certificate:
    checks = tuple(_check(name, check) for check in CHECKS)
    return Certificate(1, "0.1.0", name, "adapter", "float32", 65, 7, ("a-0",), checks)


def _check(arm: str, name: str) -> Check:
    compared, tolerance = CHECKS[name]
    if name == "merged = unmerged" and arm in ("prefix-tuning", "prompt-tuning"):
        return Check(name, compared, NOT_APPLICABLE, reason=UNMERGED)
    if (arm, name) == ("oft", "padding"):
        return Check(name, compared, FAIL, 3.14e-3, tolerance, "padded left, the rotations took the padding for text")
    return Check(name, compared, PASS, None if tolerance is None else tolerance * 0.37, tolerance)


def _cheap(arm: ArmResult) -> ArmResult:
    """What the usual arms train: nothing, a few numbers, or everything."""
    trained = {"majority": 2, "tfidf": 20_001, "pretrained": 0, "probe": 1_538, "full": BASE}[arm.name]
    assert arm.cost is not None
    return replace(arm, cost=replace(arm.cost, trainable_parameters=trained, total_parameters=BASE))
