"""Saving what an arm made, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file as save_numbers
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from lightune.artifacts.card import render_card
from lightune.artifacts.manifest import HEAD_FILE, Manifest, write_manifest
from lightune.compute import BagOfWords, Linear
from lightune.methods import save_adapter
from lightune.records import SEEDS_FOLDER
from lightune.whole import sync_folder, sync_tree

Floats: TypeAlias = NDArray[np.float64]

DELTA_FILE = "trained.safetensors"
NUMBERS_FILE, TERMS_FILE = "numbers.safetensors", "terms.json"


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder beside `folder` to write into; it takes `folder`'s place when all went well.

    What other seeds have saved below `folder` stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    before = folder.with_name(f".{folder.name}.{os.getpid()}.before")
    # One process writes at a time, so what lies there was left by one that was killed.
    for left_over in folder.parent.glob(f".{folder.name}.*.before"):
        _put_back(left_over, folder)
    for left_over in folder.parent.glob(f".{folder.name}.*.partial"):
        shutil.rmtree(left_over, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        sync_tree(scratch)
        if folder.exists():
            os.replace(folder, before)
        os.replace(scratch, folder)
        sync_folder(folder.parent)
    finally:
        _put_back(before, folder)
        shutil.rmtree(scratch, ignore_errors=True)


def _put_back(before: Path, folder: Path) -> None:
    """Give `folder` back what it held, or what other seeds had saved there; remove the rest of `before`."""
    if before.exists() and not folder.exists():
        os.replace(before, folder)
    elif (before / SEEDS_FOLDER).exists() and not (folder / SEEDS_FOLDER).exists():
        os.replace(before / SEEDS_FOLDER, folder / SEEDS_FOLDER)
    shutil.rmtree(before, ignore_errors=True)


def remove_artifact(folder: Path) -> None:
    """Remove the artefact in `folder`, but not what other seeds have saved below it."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and path.name != SEEDS_FOLDER:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()


def save_artifact(folder: Path, manifest: Manifest, write: Callable[[Path], None]) -> None:
    """Save what `write` puts into the folder it is given, with manifest and model card, whole or not at all."""
    with whole_folder(folder) as scratch:
        write(scratch)
        (scratch / "README.md").write_text(render_card(manifest), encoding="utf-8")
        write_manifest(scratch, manifest)


def save_adapter_artifact(
    folder: Path, model: nn.Module, head: Sequence[str], tokenizer: Any, manifest: Manifest
) -> None:
    """Save a trained adapter with its head and tokenizer. head: its modules' names, which are saved apart where the
    manifest names a file for them."""
    base = manifest.base
    assert base is not None

    def write(scratch: Path) -> None:
        save_adapter(model, scratch, base.location)
        if manifest.head is not None:
            save_file(head_tensors(model, head), scratch / manifest.head)
        tokenizer.save_pretrained(str(scratch))

    save_artifact(folder, manifest, write)


def save_delta_artifact(folder: Path, trained: Mapping[str, Tensor], tokenizer: Any, manifest: Manifest) -> None:
    """Save the parameters of the base that were trained, by name, and the tokenizer."""

    def write(scratch: Path) -> None:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in trained.items()}, scratch / DELTA_FILE)
        tokenizer.save_pretrained(str(scratch))

    save_artifact(folder, manifest, write)


def head_tensors(model: nn.Module, head: Sequence[str]) -> dict[str, Tensor]:
    """The head's tensors by the names that the unwrapped model gives them. head: its modules' names."""
    return {
        f"{module}.{name}": parameter.detach().cpu().contiguous()
        for module in head
        for name, parameter in _inner(model).get_submodule(module).named_parameters()
    }


def _inner(model: nn.Module) -> nn.Module:
    """The transformers model inside an adapted one."""
    get_base_model = getattr(model, "get_base_model", None)
    return model if get_base_model is None else get_base_model()


def save_base_artifact(
    folder: Path, model: nn.Module, drawn: tuple[str, ...], tokenizer: Any, manifest: Manifest
) -> None:
    """Save a base as it is: its tokenizer, and the parameters that were drawn because its checkpoint lacks them."""

    def write(scratch: Path) -> None:
        if drawn:
            save_file({name: model.get_parameter(name).detach().contiguous() for name in drawn}, scratch / HEAD_FILE)
        tokenizer.save_pretrained(str(scratch))

    save_artifact(folder, manifest, write)


def save_model_artifact(folder: Path, model: PreTrainedModel, tokenizer: Any, manifest: Manifest) -> None:
    """Save a whole classifier as transformers does, so that transformers alone loads it."""

    def write(scratch: Path) -> None:
        model.save_pretrained(str(scratch))
        tokenizer.save_pretrained(str(scratch))

    save_artifact(folder, manifest, write)


def save_majority_artifact(folder: Path, shares: Floats, manifest: Manifest) -> None:
    """Save the labels' shares."""
    save_artifact(folder, manifest, lambda scratch: save_numbers({"shares": shares}, scratch / NUMBERS_FILE))


def save_tfidf_artifact(folder: Path, bag: BagOfWords, manifest: Manifest) -> None:
    """Save the vocabulary as JSON and the numbers as safetensors: a pickle could run code when it is loaded."""

    def write(scratch: Path) -> None:
        (scratch / TERMS_FILE).write_text(json.dumps(bag.terms, ensure_ascii=False), encoding="utf-8")
        save_numbers({"idf": bag.idf, "weight": bag.linear.weight, "bias": bag.linear.bias}, scratch / NUMBERS_FILE)

    save_artifact(folder, manifest, write)


def save_probe_artifact(folder: Path, linear: Linear, tokenizer: Any, manifest: Manifest) -> None:
    """Save a probe's layer and the tokenizer of its base."""

    def write(scratch: Path) -> None:
        save_numbers({"weight": linear.weight, "bias": linear.bias}, scratch / NUMBERS_FILE)
        tokenizer.save_pretrained(str(scratch))

    save_artifact(folder, manifest, write)


def save_zero_shot_artifact(folder: Path, tokenizer: Any, manifest: Manifest) -> None:
    """Save the tokenizer; templates and words stand in the manifest."""
    save_artifact(folder, manifest, lambda scratch: tokenizer.save_pretrained(str(scratch)))


def folder_bytes(folder: Path) -> int:
    """Return the size of the artefact in `folder`: all files below it but those of other seeds."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != SEEDS_FOLDER)
    return sum(path.stat().st_size for path in files)
