"""Answers for reviews beside pipelines, ONNX Runtime and OpenVINO: `python -m benchmarks.inference`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.flops import forward_flops
from benchmarks.common.main import command
from benchmarks.common.records import SECONDS, Case, Outcome, Peer, Work
from benchmarks.common.results import outcome
from benchmarks.common.rows import Reviews, representative
from benchmarks.common.setting import Setting, prepare
from benchmarks.common.turns import Entry, say, take_turns
from benchmarks.common.worker import SideFailed, Worker
from benchmarks.environments import NoEnvironment, python_of

CUT = 512
SHORT_ROWS, ROWS = 16, 2000
SHORT_TURNS, TURNS = 2, 3
WARM = 4
# Reviews by which a peer's settings are told apart before the turns.
SHORT_TRIAL, TRIAL = 8, 64
OPTIMUM = {
    "onnxruntime": ("optimum_onnxruntime", "ONNX Runtime float32 (optimum)"),
    "openvino": ("optimum_openvino", "OpenVINO float32 (optimum-intel)"),
}
# A peer's settings: rows of a batch, and whether the texts go in by length.
WAYS = {"one by one": (1, False), "batches of 16": (16, False), "batches of 16 by length": (16, True)}
SHORT_WAYS = ("one by one", "batches of 16 by length")
# Labels' probabilities of sides that compute the same model in another order.
TOLERANCE = 1e-3


def main() -> None:
    """The command."""
    command(__doc__, measure)


def measure(setting: Setting, max_length: int = CUT, optimum: tuple[str, ...] = tuple(OPTIMUM)) -> Outcome:
    """All peers on the same reviews. optimum: which of its peers."""
    folder = prepare(setting, setting.model, max_length)
    count = min(setting.reviews or (SHORT_ROWS if setting.short else ROWS), len(setting.pool))
    rows = representative(setting.pool, count, setting.seed)
    path = rows.save(setting.work / "rows" / "inference.json")
    entries = [own(setting, folder, path), *pipelines(setting, folder, path, max_length)]
    entries += [fastest_of(setting, folder, rows, path, max_length, name) for name in optimum]
    entries.append(
        Entry("tfidf", "TF-IDF (floor of cost)", "tfidf", {"rows": str(path), "task": "predict"}, setting.env())
    )
    what = f"{count:,} reviews cut at {max_length}, tokenising included"
    say(f"inference: {what}")
    turns = setting.turns or (SHORT_TURNS if setting.short else TURNS)
    taken = take_turns(entries, turns, setting.log, setting.peak())
    lengths = rows.lengths(max_length)
    work = Work(count, sum(lengths), forward_flops(setting.shape, lengths))
    peers = tuple(checked(setting, taken.peer(entry), entry) for entry in entries[1:])
    case = Case("inference", what, SECONDS, work, taken.sides["own-inference"], peers, taken.peak)
    return outcome("inference", setting, [case], peak=taken.peak_facts)


def own(setting: Setting, folder: Path, rows: Path) -> Entry:
    """lightune's side."""
    spec = {
        "artifact": str(folder / "artifact"),
        "rows": str(rows),
        "warm": WARM,
        "answers": answers(setting, "own-inference"),
    }
    return Entry("own-inference", "lightune", "own_inference", spec, setting.env())


def pipelines(setting: Setting, folder: Path, rows: Path, max_length: int) -> list[Entry]:
    """The stock pipeline in batches of 16 and one by one."""
    return [
        Entry(
            f"pipeline-{batch}",
            f"stock pipeline, {way}",
            "stock_pipeline",
            pipeline_spec(setting, f"pipeline-{batch}", folder, rows, max_length, way),
            setting.env(),
        )
        for batch, way in ((16, "batches of 16"), (1, "one by one"))
    ]


def pipeline_spec(setting: Setting, name: str, folder: Path, rows: Path, max_length: int, way: str) -> dict[str, Any]:
    """What a side with a pipeline is told."""
    batch, sort = WAYS[way]
    spec = {"model": str(folder / "merged"), "rows": str(rows), "max_length": max_length, "batch": batch, "sort": sort}
    return {**spec, "warm": WARM, "answers": answers(setting, name), "threads": setting.threads}


def answers(setting: Setting, name: str) -> str:
    """The file for a side's probabilities."""
    return str(setting.scratch(f"answers-{name}") / "probabilities.json")


def fastest_of(setting: Setting, folder: Path, rows: Reviews, path: Path, max_length: int, name: str) -> Entry:
    """optimum's side in its fastest way, which is tried out on a few of the rows. Absent where it does not run."""
    module, title = OPTIMUM[name]
    tried = SHORT_TRIAL if setting.short else TRIAL
    few = representative(rows, min(tried, len(rows)), setting.seed).save(setting.work / "rows" / "trial.json")
    try:
        python = python_of(name, setting.work)
        seconds: dict[str, float] = {}
        for way in SHORT_WAYS if setting.short else WAYS:
            say(f"  trying {title}, {way}")
            spec = {**pipeline_spec(setting, name, folder, few, max_length, way), "exported": exported(folder, name)}
            with Worker(module, spec, setting.env(), setting.log(f"{name}-trial"), python=python) as worker:
                seconds[way] = float(worker.turn()["seconds"])
    except (NoEnvironment, SideFailed) as error:
        why = str(error).strip().splitlines()[-1]
        return Entry(name, title, module, {}, {}, absent=why)
    best = min(seconds, key=lambda way: seconds[way])
    spec = {**pipeline_spec(setting, name, folder, path, max_length, best), "exported": exported(folder, name)}
    return Entry(name, f"{title}, {best}", module, spec, setting.env(), python)


def exported(folder: Path, name: str) -> str:
    """Where optimum keeps its graph."""
    return str(folder / f"exported-{name}")


def checked(setting: Setting, peer: Peer, entry: Entry, own: str = "own-inference") -> Peer:
    """The peer with how far its probabilities are from ours at most; one that answers otherwise is left out."""
    if peer.side is None or entry.module == "tfidf":
        return peer if peer.side is None else with_facts(peer, {"no_model": True})
    ours, theirs = (read(setting, name) for name in (own, entry.name))
    difference = float(np.abs(ours - theirs).max())
    if difference > TOLERANCE:
        why = f"its answers differ from ours by {difference:.2g}; at most {TOLERANCE:g} is expected of the same model"
        return Peer(None, peer.title, why)
    return with_facts(peer, {"largest_difference": difference})


def read(setting: Setting, name: str) -> np.ndarray:
    """A side's probabilities, [texts, labels]."""
    path = setting.work / "scratch" / f"answers-{name}" / "probabilities.json"
    return np.asarray(json.loads(path.read_text(encoding="utf-8")))


def with_facts(peer: Peer, facts: Mapping[str, Any]) -> Peer:
    """The peer with further facts."""
    assert peer.side is not None
    return replace(peer, side=replace(peer.side, facts={**peer.side.facts, **facts}))


if __name__ == "__main__":
    main()
