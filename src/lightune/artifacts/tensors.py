"""Tensors read from an artefact: just those that are expected, finite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_numbers
from safetensors.torch import load_file

from lightune.artifacts.saving import NUMBERS_FILE
from lightune.errors import ModelError
from lightune.models import Classifier


def read_numbers(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float64]]:
    """The artefact's arrays, of just these names and shapes, finite."""
    path = folder / NUMBERS_FILE
    try:
        found = load_numbers(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: it cannot be read ({error}). Train again.") from error
    for name, shape in shapes.items():
        if name not in found or found[name].shape != shape or not np.isfinite(found[name]).all():
            seen = f"{found[name].shape}" if name in found else "none"
            raise ModelError(f"{path}: {name} of shape {shape}, finite, is expected, got {seen}. Train again.")
    return {name: np.asarray(found[name], dtype=np.float64) for name in shapes}


def copy_tensors(base: Classifier, path: Path, names: set[str]) -> None:
    """Copy the tensors in `path`, just those called `names`, into the base. Raises ModelError."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: its tensors cannot be read ({error}).") from error
    if set(tensors) != names:
        odd = sorted(set(tensors) ^ names)
        raise ModelError(f"{path}: {len(names)} tensors are expected, {odd[0]} is missing or does not belong there.")
    with torch.no_grad():
        for name, tensor in tensors.items():
            parameter = base.model.get_parameter(name)
            if tensor.shape != parameter.shape:
                raise ModelError(
                    f"{path}: {name} of shape {tuple(parameter.shape)} is expected, got {tuple(tensor.shape)}."
                )
            if not bool(torch.isfinite(tensor).all()):
                raise ModelError(f"{path}: finite numbers are expected, but {name} has others. Train again.")
            parameter.copy_(tensor)
