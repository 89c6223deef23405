"""Answers over HTTP beside the library's own on the same reviews: `python -m benchmarks.serving`."""

from __future__ import annotations

from benchmarks.common.flops import forward_flops
from benchmarks.common.main import command
from benchmarks.common.records import SECONDS, Case, Outcome, Work
from benchmarks.common.results import outcome
from benchmarks.common.rows import representative
from benchmarks.common.setting import Setting, prepare
from benchmarks.common.turns import Entry, say, take_turns
from benchmarks.inference import CUT, WARM, answers, checked

# Of a request: the most that the server takes.
TEXTS = 32
SHORT_ROWS, ROWS = 32, 256
SHORT_TURNS, TURNS = 2, 5


def main() -> None:
    """The command."""
    command(__doc__, measure)


def measure(setting: Setting, max_length: int = CUT) -> Outcome:
    """A client that sends 32 reviews a request, beside `lightune.load(...)` in one process."""
    folder = prepare(setting, setting.model, max_length)
    count = min(setting.reviews or (SHORT_ROWS if setting.short else ROWS), len(setting.pool))
    rows = representative(setting.pool, count, setting.seed)
    spec = {"artifact": str(folder / "artifact"), "rows": str(rows.save(setting.work / "rows" / "serving.json"))}
    served = {**spec, "texts": TEXTS, "warm": WARM, "answers": answers(setting, "own-serving")}
    library = {**spec, "warm": WARM, "answers": answers(setting, "own-inference")}
    entries = [
        Entry("own-serving", "lightune serve", "own_serving", served, setting.env()),
        Entry("own-inference", "lightune.load in one process", "own_inference", library, setting.env()),
    ]
    what = f"{count:,} reviews cut at {max_length}, {TEXTS} a request"
    say(f"serving: {what}")
    taken = take_turns(entries, setting.turns or (SHORT_TURNS if setting.short else TURNS), setting.log)
    lengths = rows.lengths(max_length)
    work = Work(count, sum(lengths), forward_flops(setting.shape, lengths))
    peer = checked(setting, taken.peer(entries[1]), entries[1], "own-serving")
    case = Case("serving", what, SECONDS, work, taken.sides["own-serving"], (peer,))
    return outcome("serving", setting, [case])


if __name__ == "__main__":
    main()
