"""The texts that an artefact is checked on: real rows, and those that break things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightune.compute import Encoder
from lightune.records import Rows

REAL_ROWS = 64


@dataclass(frozen=True)
class CheckedTexts:
    """texts: the real rows first. row_ids: those of the real rows. cut: how many are longer than the model's limit."""

    texts: tuple[str, ...]
    row_ids: tuple[str, ...]
    cut: int


def choose_texts(rows: Rows, encoder: Encoder | None) -> CheckedTexts:
    """Take the rows of `choose_rows`, and beside them an empty text, and one that is cut where none of these is.
    encoder: of a model with a limit."""
    chosen = choose_rows(rows)
    return with_odd_texts([rows.texts[at] for at in chosen], [rows.row_ids[at] for at in chosen], encoder)


def choose_rows(rows: Rows) -> list[int]:
    """Places of REAL_ROWS rows (all, where there are fewer): the longest, the shortest, others spread over `rows`."""
    order = np.argsort([len(text) for text in rows.texts], kind="stable")
    spread = np.linspace(0, len(rows) - 1, num=min(REAL_ROWS, len(rows)), dtype=np.int64).tolist()
    return list(dict.fromkeys([int(order[-1]), int(order[0]), *spread, *order.tolist()]))[:REAL_ROWS]


def with_odd_texts(texts: Sequence[str], row_ids: Sequence[str], encoder: Encoder | None) -> CheckedTexts:
    """The real texts, an empty one, and one that is cut if none of them is."""
    added = ["", *_cut_text(texts, encoder)]
    cut = int(encoder.encode([*texts, *added]).cut.sum()) if encoder is not None else 0
    return CheckedTexts((*texts, *added), tuple(row_ids), cut)


def _cut_text(texts: Sequence[str], encoder: Encoder | None) -> list[str]:
    if encoder is None or bool(encoder.encode(texts).cut.any()):
        return []
    longest = max(texts, key=len) or "a text"
    times = 2 + encoder.max_length // max(1, encoder.count([longest])[0])
    return [" ".join([longest] * times)]
