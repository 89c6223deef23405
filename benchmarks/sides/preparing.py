"""Makes once what all sides load: the base with seeded weights, an adapter that lightune saved on it, and the same
model merged, as stock transformers loads it. In a process of its own, so that the caller stays small."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session

STEPS = 2


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: config (a folder with config and tokenizer, and weights or not), folder (where the three go: base,
    artifact, merged), artifact (whether the latter two are wanted), and that of own_training for the rest."""
    folder = Path(spec["folder"])
    if not (folder / "base").exists():
        seeded_base(Path(spec["config"]), folder / "base")
    if spec["artifact"] and not (folder / "merged").exists():
        adapted(spec, folder)
    session.begin()


def seeded_base(source: Path, target: Path) -> None:
    """A language model as hubs have it, without a classification head; its weights drawn with seed 0."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    if (source / "model.safetensors").exists():
        shutil.copytree(source, target)
        return
    torch.manual_seed(0)
    scratch = fresh(target)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(source)).save_pretrained(scratch)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, scratch / name)
    scratch.rename(target)


def adapted(spec: dict[str, Any], folder: Path) -> None:
    """Train LoRA for two steps, save it as an arm does, and export it merged, which compares both."""
    from benchmarks.sides.own_training import fit
    from lightune.exports import Order, export
    from lightune.progress import silent

    scratch = fresh(folder / "fitting")
    fitted = fit({**spec, "total_steps": STEPS, "scratch": str(scratch)}, silent)
    fitted.save(folder / "artifact", None)
    export(Order(folder / "artifact", "merged", folder / "merged"))
    shutil.rmtree(scratch)


def fresh(folder: Path) -> Path:
    """An empty folder beside `folder`, for what is not whole yet."""
    scratch = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return scratch
