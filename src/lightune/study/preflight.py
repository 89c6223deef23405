"""What can be known to be wrong with the model or the training before anything is written or any weight is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lightune.arms import arm_kind
from lightune.behaviour import load_suite
from lightune.catalogue import METHODS, Method
from lightune.config import NONE, LoraConfig, StudyConfig
from lightune.data import find_text_column, read_table
from lightune.errors import ConfigError, InputError, ModelError
from lightune.evaluation import RANKED, check_slice_columns
from lightune.records import Splits
from lightune.study.labelling import text_column_of

if TYPE_CHECKING:
    from lightune.models import ModelSource


def preflight(config: StudyConfig, splits: Splits) -> str | None:
    """Do every check below. Returns what `check_model` does. Raises InputError."""
    for check in (check_curve, check_slices, check_prompts, check_files):
        check(config, splits)
    if config.data.folds is None:
        check_selection(config, splits)
    return check_model(config, splits)


def check_prompts(config: StudyConfig, splits: Splits) -> None:
    """Raise ConfigError for templates or label words that cannot be used."""
    if "zero-shot" in config.arms:
        from lightune.arms.zero_shot import prompts_of

        prompts_of(config, splits.label_names)


def check_selection(config: StudyConfig, splits: Splits) -> None:
    """Raise ConfigError when the metric that chooses the best step is not defined on the validation rows."""
    counts = np.bincount(splits.validation.labels, minlength=len(splits.label_names))
    absent = [name for name, count in zip(splits.label_names, counts, strict=True) if count == 0]
    metric = config.training.select_by
    if metric in RANKED and absent:
        raise ConfigError(
            f"--select-by {metric}: it is not defined where a label is missing, and the validation rows have none of "
            f"{absent[0]!r}. Raise --validation-size, or select by loss."
        )


def check_curve(config: StudyConfig, splits: Splits) -> None:
    """Raise ConfigError for a point of the curve that has no rows, or too few for every label to be there."""
    rows, labels = len(splits.train), len(splits.label_names)
    known = {arm_kind(arm).name: arm_kind(arm) for arm in config.arms}
    for name in config.curve.arms or ():
        if name not in known:
            raise ConfigError(f"--curve-arms: arms of this study are expected ({', '.join(known)}), got {name}.")
        if not known[name].learns:
            raise ConfigError(f"--curve-arms: {name} learns nothing from the rows, so it has no learning curve.")
    for size in config.curve.sizes:
        if size > rows:
            raise ConfigError(f"--curve {size:,}: train has {rows:,} rows. Name sizes up to that.")
        if size < labels:
            raise ConfigError(f"--curve {size:,}: at least a row for each of the {labels} labels is expected.")


def check_slices(config: StudyConfig, splits: Splits) -> None:
    """Raise ConfigError for a column that the test rows do not have."""
    check_slice_columns(splits.test, config.analysis.slices)


def check_files(config: StudyConfig, splits: Splits) -> None:
    """Raise InputError for a file of predictions that does not answer every test row, a suite that cannot be read, or
    unlabelled texts that are not there."""
    from lightune.arms.predictions_file import NoAnswer, PredictionsFile

    for arm in config.arms:
        file = arm_kind(arm).file
        if file is not None:
            if config.data.folds is not None:
                raise ConfigError(f"--arms {arm}: predictions from a file have no folds; leave --folds out.")
            try:
                answers = PredictionsFile(file, splits.label_names)
                said = answers.of(splits.test).argmax(axis=1)
            except NoAnswer as error:
                raise ConfigError(f"--arms {arm}: {error}") from None
            if answers.column == "label" and len(said) > 1 and (said == splits.test.labels).all():
                raise ConfigError(
                    f"--arms {arm}: the column 'label' of {file.name} holds the true label of every test row. Name the "
                    "column of predicted labels 'prediction'."
                )
    if config.analysis.behaviour not in (None, NONE):
        load_suite(Path(config.analysis.behaviour or ""))
    if config.analysis.label_next is not None:
        unlabelled = config.analysis.label_next
        find_text_column(read_table(unlabelled), text_column_of(unlabelled, config.data.text_column))


def check_model(config: StudyConfig, splits: Splits) -> str | None:
    """Find the model, its tokenizer, the cut, and what the arms ask of its layers. Raises InputError.

    Returns the digest of a local model's weights, None for the hub's, and where no arm needs a model.
    """
    if not any(arm_kind(arm).needs_model for arm in config.arms):
        return None
    from lightune.models import (
        find_model,
        load_tokenizer,
        resolve_max_length,
        weights_digest,
        why_no_language_head,
    )

    source = find_model(config.model.source)
    resolve_max_length(config.model.max_length, source.config, load_tokenizer(source))
    if "zero-shot" in config.arms:
        reason = why_no_language_head(source.config)
        if reason is not None:
            raise ConfigError(f"--arms zero-shot: {reason}")
    check_methods(config, source, splits)
    return weights_digest(source)


def check_methods(config: StudyConfig, source: ModelSource, splits: Splits) -> None:
    """Put each method on a model of the same architecture, shrunk and without trained weights; where the user's options
    do not fit that, on one of the same depth and vocabulary too, which they may be meant for. Raises InputError for
    options and layers that do not fit, and for a method that cannot be put on such a model."""
    names = [arm for arm in config.arms if arm in METHODS]
    for name in config.methods.options:
        if name not in names:
            raise ConfigError(f"--set {name}: it is no arm of this study; add it to --arms.")
    if not names:
        if config.training.top_blocks is not None:
            raise ConfigError("--top-blocks: it is for adapters, and no arm of this study is one; add lora to --arms.")
        return
    from lightune.methods import why_not_here

    for name in names:
        method = METHODS[name]
        reason = why_not_here(method)
        if reason is not None:
            raise ConfigError(f"--arms {name}: {reason}.")
        family = method.peft == "LORA" and config.lora != LoraConfig()
        try:
            try:
                _put(method, config, source, splits, whole=False)
            except InputError:
                if not (family or config.methods.options.get(name)):
                    raise
                _put(method, config, source, splits, whole=True)
        except ModelError as error:
            raise ModelError(f"--arms {name}: {error} `lightune methods --model` tells which ones can.") from error


def _put(method: Method, config: StudyConfig, source: ModelSource, splits: Splits, whole: bool) -> None:
    from lightune.arms.adapter import options_of
    from lightune.methods import attach
    from lightune.models import head_modules, shrunk_classifier
    from lightune.training import resolve_recipe

    model = shrunk_classifier(source.config, len(splits.label_names), whole=whole)
    steps = resolve_recipe(config.training, len(splits.train), int(model.config.hidden_size)).steps
    targets = config.lora.target_modules if method.peft == "LORA" else None
    top_blocks = config.training.top_blocks
    if top_blocks is not None:
        depth = int(source.config.num_hidden_layers)
        if top_blocks > depth:
            raise ConfigError(
                f"--top-blocks {top_blocks}: the model has {depth} blocks. Give a number up to that, or leave it out."
            )
        top_blocks = min(top_blocks, int(model.config.num_hidden_layers))
    attach(
        model,
        head_modules(model),
        method,
        options_of(method, config),
        steps=steps,
        target_modules=targets,
        top_blocks=top_blocks,
    )
