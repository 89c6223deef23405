"""Which batch size and how many threads make stock fastest: `python -m benchmarks.search_stock` writes best_stock.json.

Stock groups by length, takes 16 examples a step and accumulates where it takes fewer at once.
"""

from __future__ import annotations

import json
import statistics
from typing import Any

from benchmarks.common.rows import grouped_steps
from benchmarks.common.setting import STEP_ROWS, Setting, parser, setting_of
from benchmarks.common.turns import say
from benchmarks.common.worker import SideFailed, Worker
from benchmarks.training import BEST_STOCK, RANDOM, stock

BATCHES = (1, 2, 4, 8, 16)
SHORT_STEPS, STEPS = 1, 4
TURNS = 2


def main() -> None:
    """The command."""
    options = parser(__doc__ or "").parse_args()
    found = search(setting_of(options))
    BEST_STOCK.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{BEST_STOCK}: {found['batch']} at once, {found['threads']} threads")


def search(setting: Setting, max_length: int = 512) -> dict[str, Any]:
    """The settings with the most useful tokens a second, and all that were tried: each batch with every core, then the
    best of them with fewer threads."""
    tried: list[dict[str, Any]] = []

    def attempt(batch: int, threads: int) -> None:
        rate = tokens_a_second(setting, max_length, batch, threads)
        say(f"{batch} at once, {threads} threads: {'failed' if rate is None else f'{rate:,.0f} useful tokens/s'}")
        tried.append({"batch": batch, "threads": threads, "tokens_a_second": rate})

    def best() -> dict[str, Any]:
        return max(tried, key=lambda one: one["tokens_a_second"] or 0.0)

    for batch in BATCHES:
        attempt(batch, setting.threads)
    fastest = best()["batch"]
    for threads in range(1, setting.threads):
        attempt(fastest, threads)
    found = best()
    told = {"max_length": max_length, "lora_targets": setting.targets or "every linear layer", "short": setting.short}
    return {"batch": found["batch"], "threads": found["threads"], **told, "tried": tried}


def tokens_a_second(setting: Setting, max_length: int, batch: int, threads: int) -> float | None:
    """The median turn's rate; None where it cannot run (too little memory)."""
    steps = SHORT_STEPS if setting.short else STEPS
    rows = grouped_steps(setting.pool, steps, STEP_ROWS, setting.seed)
    entry = stock(setting, "search", "stock", rows, max_length, {**RANDOM, "batch": batch, "dropout": True}, threads)
    spec = {**entry.spec, "steps": steps, "warm": steps}
    turns = setting.turns or TURNS
    try:
        with Worker(entry.module, spec, entry.env, setting.log("search")) as worker:
            seconds = [float(worker.turn()["seconds"]) for _ in range(turns)]
    except SideFailed:
        return None
    return sum(rows.lengths(max_length)) / statistics.median(seconds)


if __name__ == "__main__":
    main()
