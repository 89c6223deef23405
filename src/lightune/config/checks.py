"""What can be wrong with a configuration by itself, each fault a sentence: what was expected, what was seen."""

from __future__ import annotations

import math

from lightune.catalogue import METHODS
from lightune.config.options import (
    CLASS_WEIGHTS,
    POOLINGS,
    SCHEDULES,
    SELECTION_METRICS,
    TRUNCATIONS,
    TRUNK_CACHES,
    StudyConfig,
)


def arm_name(arm: str) -> str:
    """The name of an arm as it was asked for: of `NAME=FILE` the part before the equals sign."""
    return arm.partition("=")[0]


def faults_of(config: StudyConfig) -> list[str]:
    """Every fault of a configuration as a sentence: what was expected, what was seen."""
    data, model, training, lora = config.data, config.model, config.training, config.lora
    checks: list[tuple[bool, str]] = [
        (bool(config.arms), "--arms: at least one arm is expected, none was given."),
        (
            len({arm_name(arm) for arm in config.arms}) == len(config.arms),
            f"--arms: each arm once, got {', '.join(config.arms)}.",
        ),
        (config.seeds >= 1, f"--seeds: at least 1 is expected, got {config.seeds}."),
        # numpy's seeds end at 2**32, and an untrained head takes five of them.
        (
            0 <= config.seed <= 2**32 - max(config.seeds, 5),
            f"--seed: from 0 to below 2**32 with all --seeds is expected, got {config.seed}.",
        ),
        (data.seed >= 0, f"--data-seed: 0 or more is expected, got {data.seed}."),
        (bool(data.source), "--data: a name or a path is expected, got nothing."),
        (bool(model.source), "--model: a name or a path is expected, got nothing."),
        _choice("--pooling", config.probe.pooling, POOLINGS),
        _at_least("--folds", data.folds, 2),
        _at_least("--repeats", data.repeats, 1),
        (data.repeats == 1 or data.folds is not None, "--repeats: it is for cross-validation, give --folds too."),
        (
            data.folds is None or config.seeds == 1,
            f"--seeds {config.seeds}: with --folds each arm is trained anew on each fold; use --repeats instead.",
        ),
        (data.folds is None or not config.curve.sizes, "--curve: it needs one test split, leave --folds out."),
        (data.folds is None or data.test_size is None, "--test-size: with --folds every row is a test row."),
        *(_at_least("--curve", size, 2) for size in config.curve.sizes),
        (len(set(config.curve.sizes)) == len(config.curve.sizes), "--curve: each size once is expected."),
        _at_least("--curve-seeds", config.curve.seeds, 1),
        (
            config.curve.arms is None or bool(config.curve.sizes),
            "--curve-arms: the sizes of the curve's points are expected too, as --curve 100,200,400.",
        ),
        _choice("--truncate", model.truncate, TRUNCATIONS),
        _choice("--schedule", training.schedule, SCHEDULES),
        _choice("--class-weights", training.class_weights, CLASS_WEIGHTS),
        _choice("--select-by", training.select_by, SELECTION_METRICS),
        _at_least("--max-length", model.max_length, 4),
        _at_least("--train-size", data.train_size, 2),
        _at_least("--validation-size", data.validation_size, 2),
        _at_least("--test-size", data.test_size, 1),
        _at_least("--batch-size", training.batch_size, 1),
        _at_least("--accumulation", training.accumulation, 1),
        _at_least("--max-steps", training.max_steps, 1),
        _at_least("--evaluations", training.evaluations, 1),
        _at_least("--patience", training.patience, 0),
        _at_least("--rank", lora.rank, 1),
        _at_least("--top-blocks", training.top_blocks, 1),
        _choice("--trunk-cache", training.trunk_cache, TRUNK_CACHES),
        _at_least("--trunk-cache-bytes", training.trunk_cache_bytes, 0),
        _at_least("--rate-trials", config.methods.rate_trials, 0),
        *_methods(config),
        _above("--epochs", training.epochs, 0),
        _above("--learning-rate", training.learning_rate, 0),
        _above("--head-rate", training.head_rate, 0),
        _above("--alpha", lora.alpha, 0),
        _above("--max-grad-norm", training.max_grad_norm, 0),
        (0 <= lora.dropout < 1, f"--dropout: from 0 to below 1 is expected, got {lora.dropout}."),
        (0 <= training.warmup < 1, f"--warmup: from 0 to below 1 is expected, got {training.warmup}."),
        (0 <= training.weight_decay < math.inf, f"--weight-decay: 0 or more is expected, got {training.weight_decay}."),
    ]
    return [sentence for holds, sentence in checks if not holds]


def _methods(config: StudyConfig) -> list[tuple[bool, str]]:
    return [
        (name in METHODS, f"--set {name}: a method is expected before the dot, but there is none of this name.")
        for name in config.methods.options
    ]


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> tuple[bool, str]:
    return value in allowed, f"{option}: one of {', '.join(allowed)} is expected, got {value!r}."


def _at_least(option: str, value: int | None, least: int) -> tuple[bool, str]:
    return value is None or value >= least, f"{option}: at least {least} is expected, got {value}."


def _above(option: str, value: float | None, bound: float) -> tuple[bool, str]:
    return value is None or bound < value < math.inf, f"{option}: more than {bound} is expected, got {value}."
