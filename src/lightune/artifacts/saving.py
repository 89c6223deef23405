"""Saving what an arm made, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from lightune.artifacts.card import render_card
from lightune.artifacts.manifest import Manifest, write_manifest
from lightune.methods import save_adapter

HEAD_FILE = "head.safetensors"
# Below the first seed's artefact: those of the other seeds, which are not part of it.
SEEDS = "seeds"


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder beside `folder` to write into; it takes `folder`'s place when all went well.

    What other seeds have saved below `folder` stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    before = folder.with_name(f".{folder.name}.{os.getpid()}.before")
    # One process writes at a time, so what lies there was left by one that was killed.
    for left_over in (*folder.parent.glob(f".{folder.name}.*.partial"), before):
        shutil.rmtree(left_over, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        if folder.exists():
            os.replace(folder, before)
        os.replace(scratch, folder)
    finally:
        if before.exists() and not folder.exists():
            os.replace(before, folder)
        elif (before / SEEDS).exists():
            os.replace(before / SEEDS, folder / SEEDS)
        for left_over in (scratch, before):
            shutil.rmtree(left_over, ignore_errors=True)


def remove_artifact(folder: Path) -> None:
    """Remove the artefact in `folder`, but not what other seeds have saved below it."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and path.name != SEEDS:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()


def save_adapter_artifact(folder: Path, model: nn.Module, tokenizer: Any, manifest: Manifest) -> None:
    """Save a trained adapter with its head, tokenizer, manifest and model card."""
    with whole_folder(folder) as scratch:
        save_adapter(model, scratch, manifest.base.location)
        tokenizer.save_pretrained(str(scratch))
        _finish(scratch, manifest)


def save_base_artifact(
    folder: Path, model: nn.Module, drawn: tuple[str, ...], tokenizer: Any, manifest: Manifest
) -> None:
    """Save a base as it is: its tokenizer, and the parameters that were drawn because its checkpoint lacks them."""
    with whole_folder(folder) as scratch:
        if drawn:
            save_file({name: model.get_parameter(name).detach().contiguous() for name in drawn}, scratch / HEAD_FILE)
        tokenizer.save_pretrained(str(scratch))
        _finish(scratch, manifest)


def folder_bytes(folder: Path) -> int:
    """Return the size of the artefact in `folder`: all files below it but those of other seeds."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != SEEDS)
    return sum(path.stat().st_size for path in files)


def _finish(folder: Path, manifest: Manifest) -> None:
    (folder / "README.md").write_text(render_card(manifest), encoding="utf-8")
    write_manifest(folder, manifest)
