"""A search of 20 trials beside one stock training: `python -m benchmarks.sweep`.

Ours: learning rate, rank and head, LoRA on the top 4 blocks, successive halving on the frozen trunk's cached states.
Theirs: one run of the stock Trainer, LoRA on all blocks, three epochs.
"""

from __future__ import annotations

from benchmarks.common.main import command
from benchmarks.common.records import SECONDS, Case, Outcome, Work
from benchmarks.common.results import outcome
from benchmarks.common.rows import representative
from benchmarks.common.setting import STEP_ROWS, Setting
from benchmarks.common.turns import Entry, say, take_turns
from benchmarks.training import RANDOM

SHORT_ROWS, ROWS = 16, 2000
SHORT_TURNS, TURNS = 1, 3
EPOCHS, TRIALS, TOP_BLOCKS = 3, 20, 4
NOT_BUILT = "this version has no search on cached states yet"


def main() -> None:
    """The command."""
    command(__doc__, measure)


def measure(setting: Setting, max_length: int = 512) -> Outcome:
    """Both on the same rows. A turn is the whole search, or the whole training."""
    count = min(SHORT_ROWS if setting.short else ROWS, len(setting.pool))
    rows = representative(setting.pool, count, setting.seed)
    path = rows.save(setting.work / "rows" / "sweep.json")
    steps = EPOCHS * -(-count // STEP_ROWS)
    turns = setting.turns or (SHORT_TURNS if setting.short else TURNS)
    spec = setting.training_spec("sweep-stock", path, max_length, steps, turns)
    options = {**RANDOM, "batch": STEP_ROWS, "dropout": True, "warm": 1, "total_steps": steps * turns + 2}
    stock = Entry(
        "sweep-stock", "stock Trainer, one run of 3 epochs", "stock_training", {**spec, **options}, setting.env()
    )
    what = f"{TRIALS} trials on the top {TOP_BLOCKS} blocks, {count:,} reviews cut at {max_length}"
    say(f"sweep: {what}")
    taken = take_turns([stock], turns, setting.log)
    work = Work(count, sum(rows.lengths(max_length)))
    case = Case("sweep", what, SECONDS, work, None, (taken.peer(stock),), absent=NOT_BUILT)
    return outcome("sweep", setting, [case])


if __name__ == "__main__":
    main()
