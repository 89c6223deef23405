"""What the machine's matrix products reach at a model's shapes: the most that the same work could be done in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.common.serve import Session

ROWS = (512, 1024, 2048, 4096)
REPEATS = 3


@dataclass(frozen=True)
class Best:
    """Where a library was fastest. rate: GFLOP/s there."""

    rows: int
    wide: int
    out: int
    rate: float


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: layers, (in, out) of each. Every shape is tried once, and each turn tries each library's best one again."""
    import torch

    with torch.inference_mode():
        best = search(spec["layers"])
        session.turns(lambda: again(best))


def search(layers: Sequence[tuple[int, int]]) -> dict[str, Best]:
    """The fastest shape of each library; float32."""
    best: dict[str, Best] = {}
    for wide, out in layers:
        for rows in ROWS:
            for name, product in products(rows, wide, out).items():
                product()  # warm
                rate = rate_of(product, rows, wide, out, 1)
                if name not in best or rate > best[name].rate:
                    best[name] = Best(rows, wide, out, rate)
    return best


def again(best: dict[str, Best]) -> dict[str, Any]:
    """gflops: the best of all; by_library: each one's rate and shape."""
    found = {}
    for name, at in best.items():
        product = products(at.rows, at.wide, at.out)[name]
        product()
        rate = rate_of(product, at.rows, at.wide, at.out, REPEATS)
        found[name] = {"gflops": rate, "shape": f"{at.rows} x {at.wide} -> {at.out}"}
    return {"gflops": max(one["gflops"] for one in found.values()), "by_library": found}


def products(rows: int, wide: int, out: int) -> dict[str, Callable[[], Any]]:
    """The same linear layer by each library that torch has here: its own (MKL on x86-64), and oneDNN with the weights
    as they are and laid out beforehand."""
    import torch

    inputs, weight, bias = torch.randn(rows, wide), torch.randn(out, wide), torch.randn(out)
    found: dict[str, Callable[[], Any]] = {"torch": lambda: torch.nn.functional.linear(inputs, weight, bias)}
    if torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        call = torch.ops.mkldnn._linear_pointwise
        found["oneDNN"] = lambda: call(inputs, weight, bias, "none", [], "")
        found["oneDNN, weights laid out before"] = lambda: call(inputs, packed, bias, "none", [], "")
    return found


def rate_of(product: Callable[[], Any], rows: int, wide: int, out: int, repeats: int) -> float:
    """GFLOP/s of the fastest of so many calls."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        product()
        taken.append(time.perf_counter() - start)
    return 2 * rows * wide * out / min(taken) / 1e9
