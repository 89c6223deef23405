"""Reviews to tokens beside the fast tokenizer and `datasets.map`: `python -m benchmarks.tokenising`."""

from __future__ import annotations

from benchmarks.common.main import command
from benchmarks.common.records import SECONDS, Case, Outcome, Work
from benchmarks.common.results import outcome
from benchmarks.common.rows import Reviews
from benchmarks.common.setting import Setting
from benchmarks.common.turns import Entry, say, take_turns

CUT = 512
SHORT_TURNS, TURNS = 2, 5
ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false"}


def main() -> None:
    """The command."""
    command(__doc__, measure)


def measure(setting: Setting, max_length: int = CUT) -> Outcome:
    """The pool's reviews; all of IMDb's labelled ones in the long version."""
    rows = setting.pool if setting.short else setting.whole()
    what = f"{len(rows):,} reviews cut at {max_length}"
    say(f"tokenising: {what}")
    path = rows.save(setting.work / "rows" / "tokenising.json")
    spec = {"model": str(setting.model), "rows": str(path), "max_length": max_length}
    entries = [
        Entry("own-tokens", "lightune", "own_tokenising", spec, setting.env()),
        stock("call-one", "stock tokenizer, one thread", spec, "call", setting, ONE_THREAD),
        stock("map-one", "datasets.map(batched=True), one thread", spec, "map", setting, ONE_THREAD),
        stock("call", "stock tokenizer, its own threads", spec, "call", setting, {}),
        stock("map", "datasets.map(batched=True), its own threads", spec, "map", setting, {}),
    ]
    taken = take_turns(entries, setting.turns or (SHORT_TURNS if setting.short else TURNS), setting.log)
    peers = tuple(taken.peer(entry) for entry in entries[1:])
    own = taken.sides["own-tokens"]
    case = Case("tokenising", what, SECONDS, work_of(rows, int(own.facts["tokens"])), own, peers)
    return outcome("tokenising", setting, [case])


def stock(name: str, title: str, spec: dict[str, object], way: str, setting: Setting, extra: dict[str, str]) -> Entry:
    """A side of stock libraries."""
    return Entry(name, title, "stock_tokenising", {**spec, "way": way}, setting.env(extra=extra))


def work_of(rows: Reviews, tokens: int) -> Work:
    """Reviews and the tokens that are left after the cut."""
    return Work(len(rows), tokens)


if __name__ == "__main__":
    main()
