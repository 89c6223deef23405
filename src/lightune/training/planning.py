"""What a training picks for the machine it is on: none of it changes what is learned, all of it how long that takes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lightune.compute import even_batches, has_room, kept_bytes, length_batches, on_device, onednn_pays, quicken
from lightune.models import can_pack, laid_out_bytes, onednn_speed
from lightune.records import Plan, from_json, to_json
from lightune.runtime import available_memory_bytes, pick_device
from lightune.training.batches import RowCollator, TokenRows
from lightune.training.recipe import Recipe
from lightune.whole import write_whole

# A micro-batch's tokens bound the memory of a step. On a CPU more of them than this make products no faster.
CPU_TOKENS, GPU_TOKENS = 1024, 32768
LEAST_TOKENS = 256
# Of the memory that is free, what activations may take: weights, gradients and the machine's other work need some too.
SHARE = 0.4
# Rows of like length that what a step keeps is measured on.
SAMPLE = 4
PLAN = "plan.json"
SPREAD = "the model is spread over the processes, so that each block has to be computed as it stands"


def plan_training(model: nn.Module, rows: TokenRows, recipe: Recipe, pad_id: int, spread: bool = False) -> Plan:
    """Pick how `model` is to be trained on `rows`: measures what a few of them keep in memory, and both libraries for
    matrix products. spread: it will be over several processes. Leaves the model as it was, but for the speed-ups of
    `quicken`."""
    packed, onednn = can_pack(model) and not spread, onednn_pays() and not spread
    quicken(model, onednn)
    layouts = laid_out_bytes(model, training=True)
    laid_out = has_room(layouts)
    longest = int(rows.encoded.lengths.max())
    step = _step_tokens(rows, recipe)
    default = GPU_TOKENS if pick_device().name == "cuda" else CPU_TOKENS
    each = bytes_per_token(model, rows, pad_id, packed)
    free = available_memory_bytes() - (layouts if laid_out else 0)
    tokens, checkpointing = fit_memory(default, longest, each, free, can_checkpoint(model))
    layers = "the model's layers are of a family that is known to give the same answers packed"
    reasons = {
        "threads": _why_threads(),
        "packed": layers if packed else "the model or its method does not allow it: texts are padded, by length",
        "onednn": _why_onednn(),
        "laid_out": _why_laid_out(onednn, layouts, laid_out),
        "micro_tokens": f"{each * tokens / 1e9:.2f} GB kept for the backward pass, of {free / 1e9:.1f} GB free; a step "
        f"has about {step:,} tokens",
        "checkpointing": _why_checkpointing(checkpointing, each * longest, free),
    }
    if spread:
        reasons |= dict.fromkeys(("packed", "onednn", "laid_out"), SPREAD)
    return Plan(torch.get_num_threads(), packed, onednn, tokens, checkpointing, laid_out, reasons)


def fit_memory(default: int, longest: int, each: float, free: int, can: bool) -> tuple[int, bool]:
    """Tokens of a micro-batch, and whether activations are computed again.

    default: tokens where memory is no matter; longest: of a text, which no micro-batch can be smaller than; each: bytes
    kept a token; free: bytes; can: whether the model can compute activations again.
    """
    room = SHARE * free / max(each, 1.0)
    tokens = max(int(min(default, room)), min(longest, default), LEAST_TOKENS)
    return tokens, can and longest > room


def lessened(plan: Plan, halvings: int, model: nn.Module, rows: TokenRows, batch_size: int) -> Plan:
    """`plan` for a run that was out of memory `halvings` times in all: each time micro-batches of half the tokens. Once
    a text alone is more than that, activations are computed again. A step's rows stay what they are."""
    times = halvings - plan.halvings
    if times <= 0:
        return plan
    longest = int(rows.encoded.lengths.max())
    tokens = max(1, min(plan.micro_tokens, batch_size * longest) >> times)
    checkpointing = plan.checkpointing or (tokens < longest and can_checkpoint(model))
    why = f"the run was out of memory, so that {plan.micro_tokens:,} tokens became {tokens:,}"
    reasons = {**plan.reasons, "micro_tokens": why, "laid_out": "the run was out of memory"}
    if checkpointing and not plan.checkpointing:
        reasons["checkpointing"] = "the run was out of memory, and a micro-batch holds one text at least"
    return replace(
        plan,
        micro_tokens=tokens,
        checkpointing=checkpointing,
        laid_out=False,
        reasons=reasons,
        halvings=halvings,
    )


def together(plans: Sequence[Plan]) -> Plan:
    """One plan for the processes of a training, from what each of them would pick: what all of them can do."""
    first = plans[0]
    return replace(
        first,
        packed=all(plan.packed for plan in plans),
        onednn=all(plan.onednn for plan in plans),
        micro_tokens=min(plan.micro_tokens for plan in plans),
        checkpointing=any(plan.checkpointing for plan in plans),
        laid_out=all(plan.laid_out for plan in plans),
        processes=len(plans),
    )


def taken_up(plan: Plan, processes: int) -> Plan:
    """`plan` for a training that so many processes go on with: where they were more or fewer, each has the threads that
    it has here. Those of one process would be too many for several on a machine, and the other way round too few."""
    if plan.processes == processes:
        return plan
    return replace(plan, threads=torch.get_num_threads(), reasons={**plan.reasons, "threads": _why_threads()})


def over_processes(plan: Plan, processes: int, spread: bool) -> Plan:
    """What a `plan` of one process becomes where several share the training. spread: so that the model is over them."""
    if not spread:
        return replace(plan, processes=processes)
    reasons = {**plan.reasons, **dict.fromkeys(("packed", "onednn", "laid_out"), SPREAD)}
    return replace(plan, packed=False, onednn=False, laid_out=False, processes=processes, reasons=reasons)


def bytes_per_token(model: nn.Module, rows: TokenRows, pad_id: int, packed: bool) -> float:
    """Bytes a token that a training's forward pass keeps for its backward pass: the larger of what rows of middling
    length keep and what the longest keeps, since attention under dropout keeps more the longer a text is."""
    order = np.argsort(rows.encoded.lengths, kind="stable")
    start = max(0, len(order) // 2 - SAMPLE // 2)
    device = next(model.parameters()).device
    half = pick_device().precision == "bfloat16"
    found = []
    for sample in (order[start : start + SAMPLE], order[-1:]):
        batch: dict[str, Any] = RowCollator(pad_id, packed)([rows[int(row)] for row in sample])
        del batch["labels"]
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            found.append(kept_bytes(model, on_device(batch, device)) / int(batch["input_ids"].numel()))
    return max(found)


def can_checkpoint(model: nn.Module) -> bool:
    """Whether transformers knows how to compute this model's activations again."""
    # A prefix comes as the past, which transformers leaves out where activations are computed again.
    if any(getattr(one, "is_prompt_learning", False) for one in getattr(model, "peft_config", {}).values()):
        return False
    return bool(getattr(_inner(model), "supports_gradient_checkpointing", False))


def carry_out(plan: Plan, model: nn.Module) -> None:
    """Bring this process and `model` to what `plan` says."""
    if plan.threads != torch.get_num_threads():
        torch.set_num_threads(plan.threads)
    quicken(model, plan.onednn)
    if plan.checkpointing:
        compute_again(model)


def compute_again(model: nn.Module) -> None:
    """Have `model` keep the states between its blocks alone, and compute what is inside a block again when its
    gradient is due (Chen et al. 2016, arXiv 1604.06174)."""
    inner: Any = _inner(model)
    # Its name before transformers 5.20 or so, deprecated since.
    if hasattr(inner, "activation_checkpointing_enable"):
        inner.activation_checkpointing_enable({"use_reentrant": False})
    else:
        inner.gradient_checkpointing_enable({"use_reentrant": False})


def micro_batches(plan: Plan, lengths: Any, batch_size: int) -> list[list[int]]:
    """A step's row numbers cut into micro-batches. lengths: tokens of each row, int64 [rows]; batch_size: most rows."""
    cut = even_batches if plan.packed else length_batches
    return cut(lengths, rows=batch_size, tokens=plan.micro_tokens)


def kept_plan(folder: Path, model: nn.Module) -> Plan | None:
    """The plan that a training of `model` which was cut off had; None where there is none that can be read and carried
    out here: on another machine there may be fewer processors or another torch."""
    try:
        plan = from_json(Plan, json.loads((folder / PLAN).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    possible = (
        0 < plan.threads <= (os.cpu_count() or 1)
        and (not plan.packed or can_pack(model))
        and (not plan.onednn or onednn_speed() > 0.0)
    )
    if not possible:
        return None
    quicken(model, plan.onednn)
    # It changes no answer, and there may be less memory than there was.
    return replace(plan, laid_out=plan.laid_out and has_room(laid_out_bytes(model, training=True)))


def keep_plan(plan: Plan, folder: Path) -> None:
    """Write `plan` where `kept_plan` finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PLAN, json.dumps(to_json(plan), indent=1))


def _inner(model: nn.Module) -> Any:
    """The model of transformers below an adapter."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]


def _step_tokens(rows: TokenRows, recipe: Recipe) -> int:
    return round(float(rows.encoded.lengths.mean()) * recipe.step_rows)


def _why_threads() -> str:
    return "OMP_NUM_THREADS says so" if "OMP_NUM_THREADS" in os.environ else "torch's own choice"


def _why_onednn() -> str:
    if pick_device().name != "cpu":
        return "on a GPU there is no choice"
    if onednn_speed() == 0.0:
        return "this build of torch has no oneDNN"
    return f"one product of matrices takes oneDNN {1 / onednn_speed():.2f} times as long as MKL here"


def _why_laid_out(onednn: bool, size: int, picked: bool) -> str:
    if not onednn:
        return "the products are not oneDNN's"
    if size == 0:
        return "there is no frozen weight that a product would gain by"
    needs = f"frozen weights in the order that products read them in take {size / 1e9:.2f} GB at most"
    return needs if picked else f"{needs}, more than there is room for"


def _why_checkpointing(checkpointing: bool, longest: float, free: int) -> str:
    needs = f"the longest text keeps {longest / 1e9:.2f} GB for the backward pass, of {free / 1e9:.1f} GB free"
    return f"{needs}: it is computed again, for about half as much time more" if checkpointing else f"{needs}"
