"""Results to disk and back, and what is known of the machine they are from."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.common.records import Case, Outcome
from benchmarks.common.setting import Setting
from lightune.records import dumps, from_json
from lightune.runtime import environment

PEERS = ("onnxruntime", "accelerate", "tokenizers")


def outcome(benchmark: str, setting: Setting, cases: list[Case], **facts: Any) -> Outcome:
    """The command's result with the facts that it depends on. Names no host, user or path."""
    packages = {name: metadata.version(name) for name in PEERS}
    machine = environment()
    machine["packages"] = {**machine["packages"], **packages}
    told = {
        "environment": machine,
        "threads": setting.threads,
        "allocator": Path(setting.allocator).name if setting.allocator else "the C library's",
        "seed": setting.seed,
        "lora_targets": setting.targets or "every linear layer",
    }
    return Outcome(benchmark, setting.short, tuple(cases), {**told, **facts})


def write(result: Outcome, folder: Path) -> Path:
    """Write it as <benchmark>.json, `-short` before the ending where it is a short run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.benchmark}{'-short' if result.short else ''}.json"
    path.write_text(dumps(result), encoding="utf-8")
    return path


def read(path: Path) -> Outcome:
    """Read what `write` wrote."""
    return from_json(Outcome, json.loads(path.read_text(encoding="utf-8")))
