"""A checkpoint as a language model: what a causal head needs, and how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from lightune.errors import ModelError
from lightune.models.loading import BACKBONE_SEED, check_vocabulary
from lightune.models.sources import ModelSource
from lightune.models.speedups import fuse_gelu
from lightune.models.tokenizers import load_tokenizer
from lightune.models.weights import Weights, read_weights

NEEDED = "zero-shot needs a language model's head"
HEADS = ("ForCausalLM", "LMHeadModel")
# Its head predicts in any order of the words, and its attention looks both ways.
NOT_CAUSAL = ("xlnet",)


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model with its tokenizer. The model is in evaluation mode, in float32, on the CPU."""

    model: PreTrainedModel
    tokenizer: Any
    source: ModelSource


def why_no_language_head(config: PreTrainedConfig) -> str | None:
    """Say in a sentence why a checkpoint cannot say how likely a text goes on with a word; None where it can.

    Reads the configuration alone. A checkpoint can where it was saved with a causal language model's head; one whose
    configuration names no class can where transformers has such a class for it.
    """
    named = [str(name) for name in config.architectures or ()]
    if named and not any(name.endswith(HEADS) for name in named):
        return f"{NEEDED}; this checkpoint is a {named[0]}, which has none."
    kind = config.model_type
    both_ways = kind in NOT_CAUSAL or (kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not _is_decoder(config))
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or both_ways:
        what = named[0] if named else f"model of type {kind!r}"
        return f"{NEEDED}; this checkpoint is a {what}, which does not read from left to right."
    return None


def load_language_model(source: ModelSource) -> LanguageModel:
    """Load `source` with its language model's head.

    Weights are float32 whatever the file's type, the padding id is set, and no remote code runs. A folder without
    weights has them drawn, the same ones every time. Raises ModelError, also where the checkpoint has no such head or
    lacks some of its weights.
    """
    reason = why_no_language_head(source.config)
    if reason is not None:
        raise ModelError(f"--model {source.name}: {reason}")
    tokenizer = load_tokenizer(source)
    with torch.random.fork_rng():
        torch.manual_seed(BACKBONE_SEED)
        weights = read_weights(AutoModelForCausalLM, source)
        _check_whole(source, weights)
        model = weights.model
    model.config.pad_token_id = tokenizer.pad_token_id
    check_vocabulary(model, tokenizer, source)
    fuse_gelu(model)
    model.eval()
    return LanguageModel(model, tokenizer, source)


def _check_whole(source: ModelSource, weights: Weights) -> None:
    """Refuse weights that are not all of the configuration's: the rest would be drawn at random unsaid."""
    mismatched, missing = weights.mismatched, weights.missing
    if mismatched or missing:
        fault = f"{mismatched[0]} has another shape there" if mismatched else f"{missing[0]} is missing there"
        raise ModelError(
            f"--model {source.name}: its weights do not belong to its config.json ({fault}). Save the model again, "
            "whole, with its language model's head."
        )


def _is_decoder(config: PreTrainedConfig) -> bool:
    return bool(getattr(config, "is_decoder", False))
