"""What the study and its runs hand each other as files: the splits, and which texts were cut."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightune.data import load_rows, save_rows
from lightune.records import DataFacts, Splits, from_json, to_json
from lightune.whole import write_whole

if TYPE_CHECKING:
    from lightune.arms.base import Predicted

CUT = "cut.json"
# Written last, so that all the others are there with it.
FACTS = "facts.json"


def write_splits(folder: Path, splits: Splits) -> None:
    """Put the splits where the workers read them."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    for name, rows in named.items():
        save_rows(rows, folder / f"{name}.parquet")
    for at, rows in enumerate(splits.extra.values()):
        save_rows(rows, folder / f"extra-{at}.parquet")
    values = {"facts": to_json(splits.facts), "extra": list(splits.extra)}
    write_whole(folder / FACTS, json.dumps(values))


def read_splits(folder: Path) -> Splits:
    """Read what `write_splits` wrote."""
    values = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    extra = {name: load_rows(folder / f"extra-{at}.parquet") for at, name in enumerate(values["extra"])}
    train, validation, test = (load_rows(folder / f"{name}.parquet") for name in ("train", "validation", "test"))
    return Splits(train, validation, test, extra, from_json(DataFacts, values["facts"]))


def write_cut(folder: Path, answers: Mapping[str, Predicted]) -> None:
    """Keep which rows of each split were cut at the model's limit, by their places."""
    places = {name: np.flatnonzero(answer.cut).tolist() for name, answer in answers.items() if answer.cut is not None}
    write_whole(folder / CUT, json.dumps(places))


def read_cut(folder: Path, split: str, rows: int) -> NDArray[np.bool_] | None:
    """Which of the `rows` of a split a run cut, bool [rows]; None where the run has no limit or kept nothing."""
    try:
        places = json.loads((folder / CUT).read_text(encoding="utf-8")).get(split)
    except (OSError, ValueError):
        return None
    if places is None:
        return None
    cut = np.zeros(rows, dtype=bool)
    cut[places] = True
    return cut
