"""Format `merged`: a folder of stock transformers, the adapter folded into the weights."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from torch import nn

from lightune.artifacts import MODEL, BaseModel, Manifest, write_manifest
from lightune.exports.checking import OTHER_ORDER, check, check_in_lightune, check_pipeline, check_stock, stock_tokens
from lightune.exports.naming import base_name
from lightune.exports.origin import Origin
from lightune.exports.tokenizers import write_tokenizer
from lightune.methods import merge
from lightune.models import quiet_transformers, stock_classifier
from lightune.records import Check


def write_merged(origin: Origin, folder: Path) -> nn.Module:
    """Write the whole model, its tokenizer and lightune's manifest; return the model. Uses the origin's model up.

    Raises ModelError where the method cannot be merged.
    """
    with quiet_transformers():
        model = merge(origin.scorer.model)
        model.config.problem_type = None
        model.save_pretrained(str(folder))
        write_tokenizer(origin, folder)
    write_manifest(folder, self_contained(origin.manifest, MODEL))
    return model


def self_contained(manifest: Manifest, kind: str, **settings: str) -> Manifest:
    """The manifest of a folder that needs no base, and so names no place on this machine."""
    base = manifest.base
    named = None if base is None else BaseModel(base_name(base.name), base_name(base.name), base.digest)
    return replace(manifest, kind=kind, base=named, head=None, settings=settings)


def check_merged(origin: Origin, folder: Path, model: nn.Module) -> list[Check]:
    """Its weights beside those of `model`, in memory; its answers by lightune, by stock transformers text by text, and
    by the stock pipeline in batches."""
    tokens, read = stock_tokens(origin, folder)
    loaded = stock_classifier(str(folder))
    stock = check_stock("transformers", loaded, origin, tokens, OTHER_ORDER)
    own = check_in_lightune(origin, folder, OTHER_ORDER)
    return [read, _same_weights(loaded, model), own, stock, check_pipeline(origin, folder, list(tokens))]


def _same_weights(loaded: nn.Module, model: nn.Module) -> Check:
    """Every tensor, since no handful of texts holds every token of the vocabulary."""
    theirs, ours = loaded.state_dict(), model.state_dict()
    same = set(theirs) == set(ours)
    difference = max(float((theirs[name] - ours[name]).abs().max()) for name in ours) if same else math.nan
    return check("weights", f"all {len(ours)} tensors, value by value", difference, 0)
