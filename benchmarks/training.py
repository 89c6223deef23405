"""LoRA training beside the stock Trainer: `python -m benchmarks.training`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common.flops import lora_training_flops
from benchmarks.common.main import command
from benchmarks.common.records import SECONDS, Case, Outcome, Peer, Work
from benchmarks.common.results import outcome
from benchmarks.common.rows import Reviews, grouped_steps, padded_tokens, representative
from benchmarks.common.setting import STEP_ROWS, Setting
from benchmarks.common.splitting import fitting_batch
from benchmarks.common.turns import Entry, say, take_turns

BEST_STOCK = Path(__file__).with_name("best_stock.json")
SHORT_TURNS, TURNS = 2, 7
SHORT_STEPS, STEPS = 1, 4
RANDOM = {"padding": "batch", "sampling": "sequential", "compile": False}


def main() -> None:
    """The command."""
    command(__doc__, measure)


def measure(setting: Setting, lengths: tuple[int, ...] = (512, 1024)) -> Outcome:
    """Against random batches at each cut, and against the best stock at the first one."""
    cases, facts = [], {}
    for max_length in lengths:
        case, facts["peak"] = random_batches(setting, max_length)
        cases.append(case)
    case, facts["peak"] = best_stock(setting, lengths[0])
    return outcome("training", setting, [*cases, case], **facts)


def random_batches(setting: Setting, max_length: int) -> tuple[Case, Mapping[str, Any]]:
    """As most people train: batches of 16 in random order, padded to their longest or to the cut. lightune as it comes,
    which leaves out dropout in frozen layers."""
    rows = representative(setting.pool, steps_of(setting) * STEP_ROWS, setting.seed)
    batch = fitting_batch(setting.shape, max_length, STEP_ROWS)
    entries = [own(setting, f"own-{max_length}", rows, max_length, dropout=False)]
    held = f"{batch} at once" if batch < STEP_ROWS else "all at once"
    entries.append(
        stock(setting, f"random-{max_length}", f"stock Trainer, random batches of 16, {held}", rows, max_length,
              {**RANDOM, "batch": batch, "dropout": True})
    )  # fmt: skip
    if not setting.short:
        entries.append(
            stock(setting, f"padded-{max_length}", f'stock Trainer, padding="max_length", {held}', rows, max_length,
                  {**RANDOM, "padding": "max_length", "batch": batch, "dropout": True})
        )  # fmt: skip
        floor = {"rows": str(rows_path(setting, f"own-{max_length}")), "task": "train"}
        entries.append(Entry(f"tfidf-{max_length}", "TF-IDF (floor of cost)", "tfidf", floor, setting.env()))
    return turns(setting, f"LoRA cut at {max_length:,}, random batches of 16", rows, max_length, entries)


def best_stock(setting: Setting, max_length: int) -> tuple[Case, Mapping[str, Any]]:
    """Stock as fast as it gets: grouped by length, with the batch and threads that search_stock.py found best, and
    torch.compile. Both sides take 16 examples a step and the model's own dropout."""
    best = json.loads(BEST_STOCK.read_text(encoding="utf-8"))
    rows = grouped_steps(setting.pool, steps_of(setting), STEP_ROWS, setting.seed)
    grouped = {**RANDOM, "batch": best["batch"], "dropout": True}
    threads = min(int(best["threads"]), setting.threads)
    title = f"best stock: grouped by length, {best['batch']} at once"
    entries = [
        own(setting, "own-dropout", rows, max_length, dropout=True),
        stock(setting, "grouped", title, rows, max_length, grouped, threads),
        stock(setting, "compiled", f"{title}, torch.compile", rows, max_length, {**grouped, "compile": True}, threads),
    ]
    what = f"LoRA cut at {max_length:,}, same dropout, 16 examples a step"
    return turns(setting, what, rows, max_length, entries)


def own(setting: Setting, name: str, rows: Reviews, max_length: int, dropout: bool) -> Entry:
    """lightune's side."""
    spec = {**training_spec(setting, name, rows, max_length), "dropout": dropout}
    title = "lightune" if not dropout else "lightune with the model's dropout"
    return Entry(name, title, "own_training", spec, setting.env())


def stock(
    setting: Setting,
    name: str,
    title: str,
    rows: Reviews,
    max_length: int,
    options: Mapping[str, Any],
    threads: int | None = None,
) -> Entry:
    """A side of the stock Trainer."""
    spec = {**training_spec(setting, name, rows, max_length), **options}
    return Entry(name, title, "stock_training", spec, setting.env(threads))


def training_spec(setting: Setting, name: str, rows: Reviews, max_length: int) -> dict[str, Any]:
    """What both kinds of sides are told: an epoch over the rows is a turn."""
    path = rows.save(rows_path(setting, name))
    return setting.training_spec(name, path, max_length, steps_of(setting), turns_of(setting, max_length))


def rows_path(setting: Setting, name: str) -> Path:
    """Where a side's rows lie."""
    return setting.work / "rows" / f"{name}.json"


def turns(
    setting: Setting, what: str, rows: Reviews, max_length: int, entries: list[Entry]
) -> tuple[Case, Mapping[str, Any]]:
    """Have all sides train, and put together what they took."""
    say(f"training: {what}")
    lengths = rows.lengths(max_length)
    taken = take_turns(entries, turns_of(setting, max_length), setting.log, setting.peak())
    padded = {
        entry.name: padded_tokens(
            lengths, entry.spec["batch"], max_length if entry.spec["padding"] != "batch" else None
        )
        for entry in entries
        if entry.module == "stock_training"
    }
    work = Work(len(rows), sum(lengths), lora_training_flops(setting.shape, lengths))
    peers = tuple(with_facts(taken.peer(entry), entry, padded.get(entry.name)) for entry in entries[1:])
    return Case("training", what, SECONDS, work, taken.sides[entries[0].name], peers, taken.peak), taken.peak_facts


def with_facts(peer: Peer, entry: Entry, padded: int | None) -> Peer:
    """The peer with what the table and a reader need of its settings."""
    if peer.side is None:
        return peer
    told = {"tokens_with_padding": padded, "compiles": bool(entry.spec.get("compile"))}
    facts = {**peer.side.facts, **told, "no_model": entry.module == "tfidf"}
    return replace(peer, side=replace(peer.side, facts=facts))


def steps_of(setting: Setting) -> int:
    """Optimizer steps of a turn."""
    return SHORT_STEPS if setting.short else STEPS


def turns_of(setting: Setting, max_length: int) -> int:
    """Turns of each side: in short one where they are longest."""
    short = 1 if max_length > 512 else SHORT_TURNS
    return setting.turns or (short if setting.short else TURNS)


if __name__ == "__main__":
    main()
