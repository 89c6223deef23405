"""What a command that was cut off has kept, and how to go on: looked up on the disk, with nothing loaded for it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path


def kept(words: Sequence[str]) -> str:
    """What to add to "Interrupted.", with a space before it; nothing for a command that keeps nothing."""
    if words[:1] in (["study"], ["search"]) and not {"--plan", "--estimate"} & set(words):
        return _study(_option(words, "--out"))
    if words[:1] == ["predict"] and _option(words, "--output") not in (None, "-"):
        return _output(str(_option(words, "--output")), resumes="--resume" in words)
    return ""


def _study(out: str | None) -> str:
    folder = Path(out or "").expanduser()
    if out is None or not folder.is_dir():
        return " Nothing was written yet."
    done = [path.parent for path in folder.glob("runs/*/record.json") if _read(path, "status") == "done"]
    begun = {path.parents[1] for path in folder.glob("runs/*/checkpoints/checkpoint-*")} - set(done)
    found = [
        _counted(_trials(folder / "search" / "trials.db"), "trial"),
        _counted(len(done), "finished run"),
        _counted(len(begun), "checkpointed training"),
    ]
    told = ", ".join(filter(None, found))
    if not told:
        return " No run is finished yet. The same command goes on."
    return f" Kept in {out}: {told}. The same command goes on from what is done."


def _trials(path: Path) -> int:
    """How many trials a search has begun; 0 where they are in a database elsewhere."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as found:
            return int(found.execute("select count(*) from trials").fetchone()[0])
    except (sqlite3.Error, OSError):
        return 0


def _output(given: str, resumes: bool) -> str:
    same = "The same command" if resumes else "The same command with --resume"
    if "://" in given:  # nothing is asked of a network now
        return f" {same} goes on from what is done, if anything is."
    target = Path(given).expanduser()
    parts = target.with_name(f"{target.name}.parts").glob("part-*")
    of_folder = target.rglob("*-[0-9]*.parquet") if (target / "_lightune.json").exists() else ()
    if not any(parts) and not any(of_folder):
        return " Nothing was labelled yet."
    return f" {same} goes on from what is done."


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""


def _read(path: Path, key: str) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _option(words: Sequence[str], name: str) -> str | None:
    """What stands in `words` for an option; None where it is not there."""
    for at, word in enumerate(words):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
        if word == name and at + 1 < len(words):
            return words[at + 1]
    return None
