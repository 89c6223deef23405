"""The machine: device, precision, threads, seeds, memory, and the facts about them that a result records."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import random
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

# Of this process, where the system has them.
CONTROL_GROUP = Path("/sys/fs/cgroup")
PACKAGES = (
    "lightune",
    "torch",
    "transformers",
    "peft",
    "datasets",
    "accelerate",
    "tokenizers",
    "scikit-learn",
    "numpy",
)


# How torch and the libraries below it say on a CPU, and below torch's own allocator on a GPU, that memory ran out.
NO_MEMORY = (
    "can't allocate memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "Cannot allocate memory",
    "ALLOC_FAILED",
    "std::bad_alloc",
    "could not create a memory",
    "could not create a primitive",
)


@dataclass(frozen=True)
class Device:
    """Where a model runs. name: `cpu` or `cuda`. precision: float32, or bfloat16 (autocast; weights stay float32)."""

    name: str
    precision: str


def pick_device() -> Device:
    """A GPU that computes in bfloat16 if there is one, in bfloat16; else the GPU, else the CPU, in float32.

    Whatever type a file has, weights are held in float32, and bfloat16 is never used on a CPU, where it can be a
    hundred times slower.
    """
    import torch

    if torch.cuda.is_available():
        return Device("cuda", "bfloat16" if torch.cuda.is_bf16_supported() else "float32")
    return Device("cpu", "float32")


def move(model: nn.Module) -> None:
    """Put a model on the device that `pick_device` names."""
    model.to(pick_device().name)


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global generators."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def peak_memory_bytes() -> int:
    """Return this process's peak resident memory.

    On Linux it is VmHWM, which starts anew when the process starts its program; `getrusage` would count what the parent
    held when it forked.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def forget_peak_memory() -> None:
    """Let this process's peak resident memory begin anew, where the system (Linux) can do that."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_device_memory_bytes() -> int | None:
    """Return the GPU's peak of allocated memory in this process, None without a GPU."""
    import torch

    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else None


def available_memory_bytes() -> int:
    """Return the bytes that this process may still take: of the GPU where it computes there, else of the machine, or
    of its control group where that has a limit."""
    import psutil
    import torch

    if pick_device().name == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((CONTROL_GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        # What files have left in memory counts as used there, and goes when it is needed.
        lines = (line.split() for line in (CONTROL_GROUP / "memory.stat").read_text().splitlines())
        files = next(int(value) for name, value in lines if name == "inactive_file")
        return max(0, min(free, limit - used + files))
    except (OSError, ValueError, StopIteration):  # no such group, or "max": no limit
        return free


def swap_bytes() -> int:
    """Bytes of the machine's memory that the system may still put aside on a disk for this process."""
    import psutil

    if sys.platform == "darwin":  # which makes swap files as it needs them
        return shutil.disk_usage("/").free
    free = int(psutil.swap_memory().free)
    try:
        return min(free, int((CONTROL_GROUP / "memory.swap.max").read_text()))
    except (OSError, ValueError):  # no such group, or "max": no limit
        return free


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that there was not enough memory: Python's, numpy's and pyarrow's MemoryError, torch's on
    either device."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    return named or (isinstance(error, RuntimeError) and any(part in str(error) for part in NO_MEMORY))


def environment() -> dict[str, Any]:
    """Facts about the machine and the packages. Names no host, user or path."""
    import torch

    device = pick_device()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device.name == "cuda" else "cpu",
        "precision": device.precision,
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
