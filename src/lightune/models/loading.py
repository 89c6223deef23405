"""The one door to `from_pretrained`: a sequence classifier for these labels, ready to be measured or trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lightune.errors import ModelError
from lightune.models.heads import checkpoint_labels, draw_head, head_modules, match_labels, reorder_head
from lightune.models.pooling import pool_by_mask
from lightune.models.sources import ModelSource
from lightune.models.speedups import fuse_gelu
from lightune.models.tokenizers import load_tokenizer
from lightune.models.weights import read_weights

BACKBONE_SEED = 0


@dataclass(frozen=True)
class Head:
    """How a classifier's head came about.

    trained: it comes from the checkpoint and fits the labels. modules: the head's modules, to be trained and saved.
    drawn: the names of the parameters that were drawn at random. note: a sentence for the report.
    """

    trained: bool
    modules: tuple[str, ...]
    drawn: tuple[str, ...]
    note: str

    @property
    def state(self) -> str:
        """`trained` or `untrained`, for the record."""
        return "trained" if self.trained else "untrained"


@dataclass(frozen=True)
class Classifier:
    """A loaded model with its tokenizer. The model is in evaluation mode, in float32, on the CPU."""

    model: PreTrainedModel
    tokenizer: Any
    source: ModelSource
    label_names: tuple[str, ...]
    head: Head


def load_classifier(source: ModelSource, label_names: Sequence[str], seed: int) -> Classifier:
    """Load `source` as a classifier of `label_names`; what the checkpoint lacks is drawn from `seed`.

    Weights are float32 whatever the file's type, the padding id is set, labels stand by name in the configuration,
    pooling goes by the mask, and no remote code runs. Raises ModelError.
    """
    tokenizer = load_tokenizer(source)
    order = match_labels(checkpoint_labels(source.config), label_names)
    with torch.random.fork_rng():
        # Where a folder holds no weights at all, the backbone must be the same for every arm and seed.
        torch.manual_seed(BACKBONE_SEED)
        model, absent = _load(source, len(label_names))
    note = _settle_head(model, source, absent, order)
    if order is None and not absent:
        absent = _outside_backbone(model)
    if absent:
        draw_head(model, absent, seed)
    names = dict(enumerate(label_names))
    model.config.id2label, model.config.label2id = names, {name: index for index, name in names.items()}
    model.config.pad_token_id = tokenizer.pad_token_id
    check_vocabulary(model, tokenizer, source)
    _check_start(model, source)
    fuse_gelu(model)
    pool_by_mask(model)
    model.eval()
    head = Head(not absent, head_modules(model, absent), absent, note)
    return Classifier(model, tokenizer, source, tuple(label_names), head)


def _load(source: ModelSource, labels: int) -> tuple[PreTrainedModel, tuple[str, ...]]:
    """Return the model in float32 and the names of the parameters that the checkpoint lacks."""
    weights = read_weights(AutoModelForSequenceClassification, source, num_labels=labels)
    if source.untrained:
        return weights.model, _outside_backbone(weights.model)
    _check_backbone(weights.model, source, weights.missing, weights.mismatched)
    return weights.model, tuple(sorted({*weights.missing, *weights.mismatched}))


def _check_backbone(
    model: PreTrainedModel, source: ModelSource, missing: Iterable[str], mismatched: Iterable[str]
) -> None:
    """Refuse a checkpoint whose backbone is not the configuration's: it would be drawn at random unsaid.

    A pooler may be missing, as in a BERT saved by a language model; embeddings and layers may not.
    """
    prefix = f"{model.base_model_prefix}."
    other = sorted(name for name in mismatched if name.startswith(prefix))
    gone = sorted(name for name in missing if name.startswith(prefix) and ".pooler." not in name)
    if other or gone:
        fault = f"{other[0]} has another shape there" if other else f"{gone[0]} is missing there"
        raise ModelError(
            f"--model {source.name}: its weights do not belong to its config.json ({fault}). Save the model again, "
            "whole."
        )


def _settle_head(
    model: PreTrainedModel,
    source: ModelSource,
    absent: tuple[str, ...],
    order: list[int] | None,
) -> str:
    """Fit the checkpoint's own head to the label names, and say in a sentence what the head is."""
    theirs = checkpoint_labels(source.config)
    if source.untrained:
        return "The model's folder holds no weights; all of them are untrained, drawn at random."
    if absent:
        return "The checkpoint has no head for these labels; its head is untrained."
    if order is None:
        return (
            f"The checkpoint's own head answers {', '.join(theirs)}, which are not these labels by name; an "
            "untrained head takes its place."
        )
    if order != list(range(len(order))):
        reorder_head(model, order)
    if all(name.casefold().startswith("label_") for name in theirs):
        return f"The checkpoint's own head is used; its labels have no names and are taken in order ({theirs[0]}, …)."
    return "The checkpoint's own trained head is used."


def embedding_shape(model: PreTrainedModel) -> tuple[int, int]:
    """Tokens that the model's input embedding knows, and the width of its states."""
    rows, width = cast(Tensor, model.get_input_embeddings().weight).shape
    return int(rows), int(width)


def _outside_backbone(model: PreTrainedModel) -> tuple[str, ...]:
    prefix = f"{model.base_model_prefix}."
    return tuple(name for name, _ in model.named_parameters() if not name.startswith(prefix))


def _check_start(model: PreTrainedModel, source: ModelSource) -> None:
    """Raise ModelError where an encoder-decoder's configuration does not say what its decoder begins with."""
    if model.config.is_encoder_decoder and getattr(model.config, "decoder_start_token_id", None) is None:
        raise ModelError(
            f"--model {source.name}: its config.json names no decoder_start_token_id, without which its decoder cannot "
            "read a text. Add the one that it was trained with."
        )


def check_vocabulary(model: PreTrainedModel, tokenizer: Any, source: ModelSource) -> None:
    """Raise ModelError where the tokenizer knows more tokens than the model's embedding."""
    rows = embedding_shape(model)[0]
    if len(tokenizer) > rows:
        raise ModelError(
            f"--model {source.name}: its tokenizer knows {len(tokenizer)} tokens and its embedding only {rows}; "
            "they do not belong together."
        )
