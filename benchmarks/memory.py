"""Peak memory of training beside the stock Trainer, each run in a process of its own: `python -m benchmarks.memory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.common.main import command
from benchmarks.common.records import BYTES, Case, Outcome, Peer, Side, Work
from benchmarks.common.results import outcome
from benchmarks.common.rows import representative
from benchmarks.common.setting import STEP_ROWS, Setting
from benchmarks.common.turns import say
from benchmarks.common.worker import Worker
from benchmarks.training import RANDOM

SHORT_TURNS, TURNS = 1, 3
SHORT_STEPS, STEPS = 1, 4
SIDES = {"own": ("lightune", "own_training"), "stock": ("stock Trainer, batches of 16", "stock_training")}


def main() -> None:
    """The command."""
    command(__doc__, measure)


def measure(setting: Setting, max_length: int = 512) -> Outcome:
    """Two cases: the whole process's peak, and what training takes beyond the loaded model."""
    steps = SHORT_STEPS if setting.short else STEPS
    rows = representative(setting.pool, steps * STEP_ROWS, setting.seed)
    path = rows.save(setting.work / "rows" / "memory.json")
    turns = setting.turns or (SHORT_TURNS if setting.short else TURNS)
    peaks: dict[str, list[int]] = {name: [] for name in SIDES}
    loaded: dict[str, list[int]] = {name: [] for name in SIDES}
    for turn in range(turns):
        for name, (title, module) in SIDES.items():
            say(f"memory: turn {turn + 1} of {turns}, {title}")
            spec = {**setting.training_spec(f"memory-{name}", path, max_length, steps, 1), **options(name)}
            peaks[name].append(told(setting, module, spec)["peak_bytes"])
            loaded[name].append(told(setting, "loaded", {**spec, "side": name})["resident_bytes"])
    work = Work(len(rows), sum(rows.lengths(max_length)))
    extra = {name: [peak - base for peak, base in zip(peaks[name], loaded[name], strict=True)] for name in SIDES}
    what = f"LoRA cut at {max_length}, 16 examples a step"
    cases = [case(f"{what}, peak", work, peaks), case(f"{what}, beyond the loaded model", work, extra)]
    return outcome("memory", setting, cases, loaded_bytes=loaded)


def options(name: str) -> dict[str, Any]:
    """A side's own settings: lightune as it comes, stock with all 16 rows at once."""
    return {"dropout": False} if name == "own" else {**RANDOM, "batch": STEP_ROWS, "dropout": True}


def told(setting: Setting, module: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """What a side says when its warm-up is done: after all steps of the rows, or with the model loaded."""
    with Worker(module, spec, setting.env(), setting.log(f"memory-{module}")) as worker:
        return worker.facts


def case(what: str, work: Work, found: Mapping[str, list[int]]) -> Case:
    """Both sides' bytes."""
    own, stock = (Side(name, title, tuple(float(one) for one in found[name])) for name, (title, _) in SIDES.items())
    return Case("memory", what, BYTES, work, own, (Peer(stock, stock.title),))


if __name__ == "__main__":
    main()
