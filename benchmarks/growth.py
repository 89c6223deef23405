"""How the cost of a LoRA training step grows: with tokens, lengths and top blocks, and what its time goes to.

`python -m benchmarks.growth MODEL` prints Markdown tables; MODEL is a folder that transformers can load. Curves of one
side, so its seconds hold for one machine; what to read off is their shape.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from lightune.catalogue import METHODS
from lightune.compute import Layout, kept_bytes, quicken
from lightune.methods import attach
from lightune.models import Classifier, Trunk, drop_frozen_dropout, find_model, load_classifier

LABELS = ("neg", "pos")
TURNS = 5
TOKENS = 1024
PARTS = {"products": ("_linear_pointwise", "addmm", "aten::mm"), "attention": ("attention", "bmm")}


@dataclass(frozen=True)
class Point:
    """One measured batch. seconds: forward and backward, the median; kept: bytes for the backward pass."""

    tokens: int
    seconds: float
    kept: int


def main() -> None:
    """The command."""
    base = adapted(sys.argv[1])
    table("tokens of a micro-batch (texts of 256)", [(n, measure(base, n, 256)) for n in (256, 512, 1024, 2048, 4096)])
    table("length of the texts (1,024 tokens)", [(n, measure(base, TOKENS, n)) for n in (32, 64, 128, 256, 512, 1024)])
    tops = [(k, measure(adapted(sys.argv[1], k), TOKENS, 256, k)) for k in (12, 8, 4, 2, 1)]
    table("top blocks, the states below at hand (1,024 tokens)", tops)
    print("| part of a step | share |\n| --- | ---: |")
    for name, share in split(base).items():
        print(f"| {name} | {share:.0%} |")


def adapted(folder: str, top_blocks: int | None = None) -> Classifier:
    """The model with LoRA of rank 8 on c_attn, as fast as it gets."""
    base = load_classifier(find_model(folder), LABELS, 0)
    drop_frozen_dropout(base.model)
    options = {"r": 8, "lora_alpha": 16}
    model = attach(
        base.model, base.head.modules, METHODS["lora"], options, target_modules=["c_attn"], top_blocks=top_blocks
    )
    quicken(model)
    model.train()
    return base


def measure(base: Classifier, tokens: int, length: int, top_blocks: int | None = None) -> Point:
    """One micro-batch of texts of this length."""
    ids = np.random.default_rng(0).integers(0, 50_000, size=(max(1, tokens // length), min(length, tokens)))
    inputs = Layout(packed=True).inputs(list(ids.astype(np.int32)), 0)
    around: Callable[[], object] = nullcontext
    if top_blocks is not None and top_blocks < base.model.config.num_hidden_layers:
        trunk = Trunk(base.model, base.model.config.num_hidden_layers - top_blocks)
        states = trunk.states(**inputs)
        around = lambda: trunk.replayed(states)  # noqa: E731
    taken = []
    for _ in range(TURNS + 1):
        start = time.perf_counter()
        with around():  # type: ignore[attr-defined]
            step(base.model, inputs)
        taken.append(time.perf_counter() - start)
    with around():  # type: ignore[attr-defined]
        kept = kept_bytes(base.model, inputs)
    return Point(ids.size, statistics.median(taken[1:]), kept)


def step(model: nn.Module, inputs: dict[str, object]) -> None:
    """Forward and backward."""
    model(**inputs).logits.square().sum().backward()
    model.zero_grad()


def split(base: Classifier) -> dict[str, float]:
    """What share of a step's own time goes to products, to attention and to all else."""
    ids = np.random.default_rng(0).integers(0, 50_000, size=(4, 256)).astype(np.int32)
    inputs = Layout(packed=True).inputs(list(ids), 0)
    step(base.model, inputs)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(TURNS):
            step(base.model, inputs)
    spent = dict.fromkeys([*PARTS, "other"], 0.0)
    for event in seen.key_averages():
        part = next((name for name, keys in PARTS.items() if any(key in event.key for key in keys)), "other")
        spent[part] += event.self_cpu_time_total
    whole = sum(spent.values())
    return {name: value / whole for name, value in spent.items()}


def table(title: str, points: list[tuple[int, Point]]) -> None:
    """One curve as Markdown."""
    print(f"| {title} | ms | tokens a second | kept, MB | kept a token, KB |\n| ---: | ---: | ---: | ---: | ---: |")
    for at, point in points:
        rate, each = point.tokens / point.seconds, point.kept / point.tokens / 1e3
        print(f"| {at:,} | {1e3 * point.seconds:,.0f} | {rate:,.0f} | {point.kept / 1e6:,.0f} | {each:,.0f} |")
    print(flush=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
