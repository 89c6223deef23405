"""What a study is asked for: frozen, validated as a whole, saved beside what it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lightune.errors import ConfigError

EMBEDDED = "embedded"
TRUNCATIONS = ("head", "tail", "head+tail")
SCHEDULES = ("linear", "cosine", "constant")
CLASS_WEIGHTS = ("none", "balanced")
POOLINGS = ("last", "mean")
# What a frozen trunk's states are kept as between steps, runs and methods; `none`: they are computed anew.
TRUNK_CACHES = ("float32", "bfloat16", "none")
TRUNK_CACHE_BYTES = 20_000_000_000
NONE = "none"
# Cheap enough to stand in every study: what a fine-tune has to beat, and the fine-tune.
DEFAULT_ARMS = ("majority", "tfidf", "pretrained", "probe", "lora")
SELECTION_METRICS = ("loss", "accuracy", "f1", "macro_f1", "precision", "recall", "mcc", "auroc", "pr_auc")


@dataclass(frozen=True)
class DataConfig:
    """Which texts, and how they are split. Sizes are rows; None takes all there are (validation: a tenth of train,
    with `train_size` a fifth of that and at least 200).

    source: a hub id, a folder, a file or `embedded`. split_column: a column that names each row's split.
    group_column: rows that share a value never stand on both sides of a cut. seed: draws the subsets and the cuts.
    folds: cross-validate: each row is tested once in each of `repeats` cuts into so many folds; None: one test split.
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
    folds: int | None = None
    repeats: int = 1


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

    target_modules: names or name ends of modules, `attention`, `mlp`; None: every linear layer below the head.
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    target_modules: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ProbeConfig:
    """The linear probe. pooling: which states of the frozen model are a text's features, the `last` token's or the
    `mean` of all."""

    pooling: str = "last"


@dataclass(frozen=True)
class ZeroShotConfig:
    """The language model's own answer. templates: with {text} and {label} each; words: label -> words that mean it,
    separated by `|`; None: chosen by the labels' names. calibration: contextual (Zhao et al. 2021)."""

    templates: tuple[str, ...] | None = None
    words: Mapping[str, str] | None = None
    calibration: bool = True


@dataclass(frozen=True)
class CurveConfig:
    """Learning curves. sizes: training rows of each point, all of them is always one. arms: which; None: all that
    learn from the rows. seeds: subsets drawn for each size."""

    sizes: tuple[int, ...] = ()
    arms: tuple[str, ...] | None = None
    seeds: int = 3


@dataclass(frozen=True)
class AnalysisConfig:
    """What is looked at beside the metrics; may change from call to call. slices: columns. behaviour: a suite's file,
    `none`, or None for the built-in one. label_next: a file of unlabelled texts to rank."""

    slices: tuple[str, ...] = ()
    behaviour: str | None = None
    label_next: str | None = None


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. None means: chosen from the model's and the data's size, and recorded.

    batch_size: rows in a micro-batch at most. An optimizer step takes batch_size x accumulation rows. epochs may be a
    fraction. max_steps wins over epochs. patience: evaluations without a better `select_by` before it stops; 0: never.
    evaluations: how often the validation split is looked at in a training. top_blocks: how many of the model's blocks,
    from the top, adapters are put on; None: all. trunk_cache: what the states of the blocks below are kept as (one of
    TRUNK_CACHES; bfloat16 rounds them and is not exact), in at most trunk_cache_bytes on disk. head_rate: how much
    faster than the rest the head learns.
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
    top_blocks: int | None = None
    trunk_cache: str = TRUNK_CACHES[0]
    trunk_cache_bytes: int = TRUNK_CACHE_BYTES
    head_rate: float = 1.0


@dataclass(frozen=True)
class MethodsConfig:
    """Methods other than LoRA. options: method -> peft's option -> value, over the catalogue's own.

    rate_trials: learning rates tried for each adapter in short trainings, judged by validation, before the long one;
    None: 3 where a study has several adapters, so that none loses by its default, and 0 where it has one. searched: in
    how many trials `lightune search` has found the settings; 0 where they are somebody's own. searched_over: what these
    trials were drawn from, in words.
    """

    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rate_trials: int | None = None
    searched: int = 0
    searched_over: str = ""


@dataclass(frozen=True)
class StudyConfig:
    """A whole study. `seed` is the arms' first seed, `seeds` with how many of them each trained arm is repeated."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    arms: tuple[str, ...] = DEFAULT_ARMS
    training: TrainingConfig = field(default_factory=TrainingConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    methods: MethodsConfig = field(default_factory=MethodsConfig)
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    zero_shot: ZeroShotConfig = field(default_factory=ZeroShotConfig)
    curve: CurveConfig = field(default_factory=CurveConfig)
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    seed: int = 0
    seeds: int = 1
    keep_texts: bool = True

    def __post_init__(self) -> None:
        # Imported here: the checks know these classes.
        from lightune.config.checks import faults_of

        faults = faults_of(self)
        if faults:
            raise ConfigError(" ".join(faults))
