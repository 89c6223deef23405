"""What a checkpoint keeps of a model: the parameters that are trained, whatever method they belong to.

peft's own files leave out what some methods train (a head, an encoder of prompts) and take another path back for each
of them; names and numbers are the same for all.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lightune.training.whole_tensors import spread, whole

TRAINED_FILE = "trained.safetensors"
# What torch puts into the names of what is inside a block whose activations accelerate has computed again.
COMPUTED_AGAIN = "_checkpoint_wrapped_module."


def trained_values(model: nn.Module) -> dict[str, Tensor]:
    """The trained parameters of `model` by name, in one piece each, copied to the CPU."""
    return {
        # tied ones would share memory, which safetensors refuses
        name: whole(parameter.detach()).cpu().contiguous().clone()
        for name, parameter in _trained(model).items()
    }


def save_trained(model: nn.Module, folder: Path) -> None:
    """Write the trained parameters of `model` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(trained_values(model), folder / TRAINED_FILE)


def load_trained(model: nn.Module, folder: Path) -> None:
    """Put back what `save_trained` wrote. Raises ValueError where it is of another model."""
    state = load_file(folder / TRAINED_FILE)
    trained = _trained(model)
    if set(state) != set(trained):
        odd = sorted(set(state) ^ set(trained))
        raise ValueError(f"{folder / TRAINED_FILE}: the model's trained parameters are expected, {odd[0]} does not fit")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(spread(state[name], parameter))


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """By the name that each has in a model which nothing is wrapped around."""
    named = model.named_parameters()
    return {name.replace(COMPUTED_AGAIN, ""): parameter for name, parameter in named if parameter.requires_grad}
