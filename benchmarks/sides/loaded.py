"""A process that has a side's model with its LoRA in memory and has done nothing with it: what memory counts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: as of the side's own, and side: `own` or `stock`."""
    held = own(spec) if spec["side"] == "own" else stock(spec)
    session.begin(resident_bytes=resident_bytes(), parameters=sum(one.numel() for one in held.parameters()))


def own(spec: dict[str, Any]) -> Any:
    """As arms/adapter.py puts it together."""
    from lightune.catalogue import METHODS
    from lightune.methods import attach
    from lightune.models import find_model, load_classifier
    from lightune.training import fit  # noqa: F401

    base = load_classifier(find_model(spec["model"]), ("neg", "pos"), spec["seed"])
    targets = tuple(spec["targets"]) if spec["targets"] else None
    return attach(base.model, base.head.modules, METHODS["lora"], {"r": 8, "lora_alpha": 16}, target_modules=targets)


def stock(spec: dict[str, Any]) -> Any:
    """As sides/stock_training.py puts it together."""
    from benchmarks.sides.stock_training import trainer

    return trainer(spec, []).model


def resident_bytes() -> int:
    """This process's resident memory now (VmRSS)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))
