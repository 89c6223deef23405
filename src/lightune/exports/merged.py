"""Format `merged`: a folder of stock transformers, the adapter folded into the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lightune.artifacts import MODEL, BaseModel, Manifest, write_manifest
from lightune.exports.checking import check_in_lightune, check_pipeline, check_stock, stock_tokens
from lightune.exports.naming import base_name
from lightune.exports.origin import Origin
from lightune.exports.tokenizers import write_tokenizer
from lightune.methods import merge
from lightune.models import quiet_transformers, stock_classifier
from lightune.records import Check


def write_merged(origin: Origin, folder: Path) -> None:
    """Write the whole model, its tokenizer and lightune's manifest. Uses the origin's model up.

    Raises ModelError where the method cannot be merged.
    """
    with quiet_transformers():
        model = merge(origin.scorer.model)
        model.config.problem_type = None
        model.save_pretrained(str(folder))
        write_tokenizer(origin, folder)
    write_manifest(folder, self_contained(origin.manifest, MODEL))


def self_contained(manifest: Manifest, kind: str, **settings: str) -> Manifest:
    """The manifest of a folder that needs no base, and so names no place on this machine."""
    base = manifest.base
    named = None if base is None else BaseModel(base_name(base.name), base_name(base.name), base.digest)
    return replace(manifest, kind=kind, base=named, head=None, settings=settings)


def check_merged(origin: Origin, folder: Path) -> list[Check]:
    """By lightune, by stock transformers text by text, and by the stock pipeline in batches."""
    tokens, read = stock_tokens(origin, folder)
    stock = check_stock("transformers", stock_classifier(str(folder)), origin, tokens)
    return [read, check_in_lightune(origin, folder), stock, check_pipeline(origin, folder, list(tokens))]
