"""What decides how a training goes on beside its weights: optimizer, schedule and random generators, as safetensors and
JSON. Nothing of it is a pickle."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lightune.training.whole_tensors import spread, whole

OPTIMIZER_FILE, RANDOM_FILE, METHOD_FILE = "optimizer.safetensors", "random.safetensors", "method.safetensors"
RESUME_FILE = "resume.json"


@dataclass(frozen=True)
class RandomState:
    """Of the generators of Python, numpy and torch. tensors: integers; values: the rest, plain JSON."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    @classmethod
    def now(cls) -> RandomState:
        """As they are."""
        version, numbers, gauss = random.getstate()
        kind, keys, position, has_gauss, cached = np.random.get_state()
        tensors = {
            "python": torch.tensor(numbers, dtype=torch.int64),
            "numpy": torch.from_numpy(np.asarray(keys).astype(np.int64)),
            "cpu": torch.random.get_rng_state(),
        }
        if torch.cuda.is_available():
            tensors["cuda"] = torch.cuda.random.get_rng_state()
        values = {"python": [version, gauss], "numpy": [str(kind), int(position), int(has_gauss), float(cached)]}
        return cls(tensors, values)

    def restore(self) -> None:
        """Set them so."""
        version, gauss = self.values["python"]
        random.setstate((version, tuple(self.tensors["python"].tolist()), gauss))
        kind, *rest = self.values["numpy"]
        np.random.set_state((kind, self.tensors["numpy"].numpy().astype(np.uint32), *rest))
        torch.random.set_rng_state(self.tensors["cpu"])
        if "cuda" in self.tensors and torch.cuda.is_available():
            torch.cuda.random.set_rng_state(self.tensors["cuda"])


@dataclass(frozen=True)
class Resumed:
    """random: the generators' state. loss: summed over the steps since the last that was logged, `logged`."""

    random: RandomState
    loss: float
    logged: int


def optimizer_values(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimizer remembers, with its tensors in one piece."""
    state = optimizer.state_dict()
    own = {
        at: {name: whole(value) if isinstance(value, Tensor) else value for name, value in values.items()}
        for at, values in state["state"].items()
    }
    return {**state, "state": own}


def save_state(folder: Path, state: Mapping[str, Any], schedule: Any, resumed: Resumed) -> None:
    """Write all of it into `folder`. state: of `optimizer_values`. Raises TypeError where a part can be kept as neither
    tensors nor JSON."""
    entries = [(f"{at}.{name}", value) for at, own in state["state"].items() for name, value in own.items()]
    tensors = {key: value.detach().cpu().contiguous() for key, value in entries if isinstance(value, Tensor)}
    save_file(tensors, folder / OPTIMIZER_FILE)
    save_file(resumed.random.tensors, folder / RANDOM_FILE)
    values = {
        "optimizer": {
            "groups": state["param_groups"],
            "values": {key: value for key, value in entries if not isinstance(value, Tensor)},
        },
        "schedule": schedule.state_dict(),
        "random": resumed.random.values,
        "loss": resumed.loss,
        "logged": resumed.logged,
    }
    (folder / RESUME_FILE).write_text(json.dumps(values), encoding="utf-8")


def load_state(folder: Path, optimizer: torch.optim.Optimizer, schedule: Any) -> Resumed:
    """Put optimizer and schedule back as `save_state` found them, and return the rest."""
    values = json.loads((folder / RESUME_FILE).read_text(encoding="utf-8"))
    kept = values["optimizer"]
    state: dict[int, dict[str, Any]] = {}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, value in {**load_file(folder / OPTIMIZER_FILE), **kept["values"]}.items():
        at, name = key.split(".", 1)
        like = parameters[int(at)]
        of_it = isinstance(value, Tensor) and value.shape == like.shape
        state.setdefault(int(at), {})[name] = spread(value, like) if of_it else value
    groups = [
        {name: tuple(value) if name == "betas" else value for name, value in group.items()} for group in kept["groups"]
    ]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    schedule.load_state_dict(values["schedule"])
    random_state = RandomState(load_file(folder / RANDOM_FILE), values["random"])
    return Resumed(random_state, float(values["loss"]), int(values["logged"]))
