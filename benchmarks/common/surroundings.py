"""The surroundings that every side is started in: the same threads, the same allocator, no hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# What would give one side another allocator or other thread settings than its neighbour has.
DROPPED = (
    "LD_PRELOAD",
    "MALLOC_",
    "GLIBC_TUNABLES",
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
    "TOKENIZERS_",
    "TORCH_",
)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def surroundings(threads: int, allocator: str | None = None, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment variables of a side's process. allocator: a library to preload on all sides; None: the C library's.

    lightune itself is found in this checkout's src, and this package beside it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    kept |= {name: str(threads) for name in THREADS}
    kept |= {"HF_HUB_OFFLINE": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PYTHONUNBUFFERED": "1"}
    if allocator is not None:
        kept["LD_PRELOAD"] = allocator
    return {**kept, **(extra or {})}
