"""The configuration of a study: frozen, validated as a whole, saved beside what it made."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cattrs
import yaml
from cattrs.v import format_exception

from lightune.errors import ConfigError

EMBEDDED = "embedded"
TRUNCATIONS = ("head", "tail", "head+tail")
SCHEDULES = ("linear", "cosine", "constant")
CLASS_WEIGHTS = ("none", "balanced")
SELECTION_METRICS = ("loss", "accuracy", "f1", "macro_f1", "precision", "recall", "mcc", "auroc", "pr_auc")
RUN_NAME = re.compile(r"[a-z0-9._-]{1,64}")


@dataclass(frozen=True)
class DataConfig:
    """Which texts, and how they are split. Sizes are rows; None takes all there are (validation: a tenth of train,
    with `train_size` a fifth of that and at least 200).

    source: a hub id, a folder, a file or `embedded`. split_column: a column that names each row's split.
    group_column: rows that share a value never stand on both sides of a cut. seed: draws the subsets and the cuts.
    """

    source: str = EMBEDDED
    text_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    group_column: str | None = None
    positive_label: str | None = None
    train_size: int | None = None
    validation_size: int | None = None
    test_size: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class ModelConfig:
    """Which model, and how a long text is cut. max_length: tokens, special ones included; None: the model's limit,
    at most 512. truncate: which end stays."""

    source: str = "gpt2"
    max_length: int | None = None
    truncate: str = "head"


@dataclass(frozen=True)
class LoraConfig:
    """LoRA (Hu et al. 2021, arXiv 2106.09685): W + (alpha / rank) B A on each target module.

    target_modules: names or name ends of modules; None: every linear layer below the head.
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    target_modules: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. None means: chosen from the model's and the data's size, and recorded.

    batch_size: rows in a micro-batch at most. An optimizer step takes batch_size x accumulation rows. epochs may be a
    fraction. max_steps wins over epochs. patience: evaluations without a better `select_by` before it stops; 0: never.
    evaluations: how often the validation split is looked at in a training.
    """

    epochs: float | None = None
    max_steps: int | None = None
    learning_rate: float | None = None
    batch_size: int = 16
    accumulation: int = 1
    schedule: str = "linear"
    warmup: float = 0.06
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    evaluations: int = 8
    patience: int = 3
    select_by: str = "loss"
    class_weights: str = "none"
    frozen_dropout: bool = False


@dataclass(frozen=True)
class StudyConfig:
    """A whole study. `seed` is the arms' first seed, `seeds` with how many of them each trained arm is repeated."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    arms: tuple[str, ...] = ("pretrained", "lora")
    training: TrainingConfig = field(default_factory=TrainingConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    seed: int = 0
    seeds: int = 1
    keep_texts: bool = True

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise ConfigError(" ".join(faults))


def _faults(config: StudyConfig) -> list[str]:
    """Every fault of a configuration as a sentence: what was expected, what was seen."""
    data, model, training, lora = config.data, config.model, config.training, config.lora
    checks: list[tuple[bool, str]] = [
        (bool(config.arms), "--arms: at least one arm is expected, none was given."),
        (len(set(config.arms)) == len(config.arms), f"--arms: each arm once, got {', '.join(config.arms)}."),
        (config.seeds >= 1, f"--seeds: at least 1 is expected, got {config.seeds}."),
        # numpy's seeds end at 2**32, and an untrained head takes five of them.
        (
            0 <= config.seed <= 2**32 - max(config.seeds, 5),
            f"--seed: from 0 to below 2**32 with all --seeds is expected, got {config.seed}.",
        ),
        (data.seed >= 0, f"--data-seed: 0 or more is expected, got {data.seed}."),
        (bool(data.source), "--data: a name or a path is expected, got nothing."),
        (bool(model.source), "--model: a name or a path is expected, got nothing."),
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
        _above("--epochs", training.epochs, 0),
        _above("--learning-rate", training.learning_rate, 0),
        _above("--alpha", lora.alpha, 0),
        _above("--max-grad-norm", training.max_grad_norm, 0),
        (0 <= lora.dropout < 1, f"--dropout: from 0 to below 1 is expected, got {lora.dropout}."),
        (0 <= training.warmup < 1, f"--warmup: from 0 to below 1 is expected, got {training.warmup}."),
        (0 <= training.weight_decay < math.inf, f"--weight-decay: 0 or more is expected, got {training.weight_decay}."),
    ]
    return [sentence for holds, sentence in checks if not holds]


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> tuple[bool, str]:
    return value in allowed, f"{option}: one of {', '.join(allowed)} is expected, got {value!r}."


def _at_least(option: str, value: int | None, least: int) -> tuple[bool, str]:
    return value is None or value >= least, f"{option}: at least {least} is expected, got {value}."


def _above(option: str, value: float | None, bound: float) -> tuple[bool, str]:
    return value is None or bound < value < math.inf, f"{option}: more than {bound} is expected, got {value}."


_converter = cattrs.Converter(forbid_extra_keys=True)


class _WrongKind(ValueError):
    """A value of another kind than its option takes."""


def _structure(kind: type, seen: tuple[type, ...], expected: str) -> None:
    """Have the converter take a value of `kind` from values of the kinds `seen` alone: cattrs's own way is to call
    `kind`, which makes 8 of 8.7, True of "no" and four arms of "lora"."""

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, seen) or isinstance(value, bool) is not (kind is bool):
            raise _WrongKind(f"{expected} is expected, got {value!r}")
        try:
            return kind(value)
        except ValueError:
            raise _WrongKind(f"{expected} is expected, got {value!r}") from None

    _converter.register_structure_hook(kind, structure)


def _texts(value: Any, _: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _WrongKind(f"a list of texts is expected, got {value!r}")
    return tuple(value)


_structure(bool, (bool,), "true or false")
_structure(int, (int,), "a whole number")
_structure(float, (int, float, str), "a number")  # 1e-3 is a text in YAML 1.1
_structure(str, (str,), "a text")
_converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)


def config_to_dict(config: StudyConfig) -> dict[str, Any]:
    """Turn a configuration into plain values."""
    values: dict[str, Any] = _lists(_converter.unstructure(config))
    return values


def config_from_dict(values: Mapping[str, Any]) -> StudyConfig:
    """Build a configuration; missing keys take their defaults.

    Raises ConfigError with every fault at once: unknown keys, wrong kinds, values out of range.
    """
    try:
        return _converter.structure(values, StudyConfig)
    except cattrs.BaseValidationError as error:
        if isinstance(error.exceptions[0], ConfigError):  # of a whole configuration, with values out of range
            raise error.exceptions[0] from None
        faults = cattrs.transform_error(error, format_exception=_fault)
        raise ConfigError("The configuration is wrong: " + "; ".join(faults) + ".") from error


def _fault(error: BaseException, kind: type | None) -> str:
    return str(error) if isinstance(error, _WrongKind) else format_exception(error, kind)


def config_to_yaml(config: StudyConfig) -> str:
    """Turn a configuration into YAML text."""
    return yaml.safe_dump(config_to_dict(config), sort_keys=False, allow_unicode=True)


def config_from_yaml(text: str) -> StudyConfig:
    """Read what `config_to_yaml` wrote, or a person. Raises ConfigError."""
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"The configuration is not YAML: {error}") from error
    if not isinstance(values, Mapping):
        raise ConfigError(f"The configuration should be a mapping of options, got {type(values).__name__}.")
    return config_from_dict(values)


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value
