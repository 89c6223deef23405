"""A search of 20 trials beside one stock training: `python -m benchmarks.sweep`.

Ours: learning rate, rank and head, LoRA on the top 4 blocks, successive halving on the frozen trunk's cached states.
Theirs: one run of the stock Trainer, LoRA on all blocks, three epochs.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from benchmarks.common.main import command
from benchmarks.common.records import SECONDS, Case, Outcome, Work
from benchmarks.common.results import outcome
from benchmarks.common.rows import representative
from benchmarks.common.setting import STEP_ROWS, Setting
from benchmarks.common.turns import Entry, say, take_turns
from benchmarks.training import RANDOM

SHORT_ROWS, ROWS = 16, 2000
SHORT_CUT, CUT = 256, 512
SHORT_TURNS, TURNS = 1, 3
EPOCHS, TRIALS, TOP_BLOCKS = 3, 20, 4
# Validation rows that each trial is judged by, for each row it learns from.
HELD_OUT = 0.2
NOT_BUILT = "this version has no search on cached states"


def main() -> None:
    """The command."""
    command(__doc__, measure)


def measure(setting: Setting, max_length: int | None = None) -> Outcome:
    """Both on the same rows. A turn is the whole search with its looks at validation rows, or the whole training."""
    max_length = max_length or (SHORT_CUT if setting.short else CUT)
    count = min(SHORT_ROWS if setting.short else ROWS, len(setting.pool))
    rows = representative(setting.pool, count, setting.seed)
    path = rows.save(setting.work / "rows" / "sweep.json")
    turns = setting.turns or (SHORT_TURNS if setting.short else TURNS)
    entries = [own(setting, path, max_length, count), stock(setting, path, max_length, count, turns)]
    what = f"{TRIALS} trials on the top {TOP_BLOCKS} blocks, {count:,} reviews cut at {max_length}"
    say(f"sweep: {what}")
    taken = take_turns(entries, turns, setting.log)
    work = Work(count, sum(rows.lengths(max_length)))
    ours, absent = taken.sides.get("own-search"), taken.absent.get("own-search")
    case = Case("sweep", what, SECONDS, work, ours, (taken.peer(entries[1]),), absent=absent)
    return outcome("sweep", setting, [case])


def own(setting: Setting, rows: Path, max_length: int, count: int) -> Entry:
    """lightune's search; absent where this version has none."""
    if find_spec("lightune.search") is None:
        return Entry("own-search", "lightune", "own_search", {}, {}, absent=NOT_BUILT)
    held_out = representative(setting.pool, max(2, round(HELD_OUT * count)), setting.seed + 1)
    spec = {
        **setting.training_spec("sweep-own", rows, max_length, 1, 1),
        "validation": str(held_out.save(setting.work / "rows" / "sweep-validation.json")),
        "epochs": EPOCHS,
        "trials": TRIALS,
        "top_blocks": min(TOP_BLOCKS, setting.shape.blocks),
    }
    return Entry("own-search", f"lightune, {TRIALS} trials", "own_search", spec, setting.env())


def stock(setting: Setting, rows: Path, max_length: int, count: int, turns: int) -> Entry:
    """One training of all blocks, in random batches of 16."""
    steps = EPOCHS * -(-count // STEP_ROWS)
    spec = setting.training_spec("sweep-stock", rows, max_length, steps, turns)
    options = {**RANDOM, "batch": STEP_ROWS, "dropout": True, "warm": 1, "total_steps": steps * turns + 2}
    title = f"stock Trainer, one run of {EPOCHS} epochs"
    return Entry("sweep-stock", title, "stock_training", {**spec, **options}, setting.env())


if __name__ == "__main__":
    main()
