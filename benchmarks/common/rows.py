"""Which reviews a turn reads: drawn so that a few of them have the lengths of all, and the same for each side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# As many of stock's own length-sorted steps are cut from so many reviews as in life: it sorts 50 steps at a time.
MEGA_STEPS = 50


@dataclass(frozen=True)
class Reviews:
    """texts and labels (0 or 1), of the same length. tokens: of each text before it is cut; None: not counted yet."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]
    tokens: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Reviews:
        """These rows, in this order."""
        at = [int(row) for row in rows]
        tokens = tuple(self.tokens[row] for row in at) if self.tokens else ()
        return Reviews(tuple(self.texts[row] for row in at), tuple(self.labels[row] for row in at), tokens)

    def lengths(self, max_length: int) -> list[int]:
        """Useful tokens of each review after the cut; an empty text is one token."""
        if len(self.tokens) != len(self.texts):
            raise ValueError("the reviews' tokens have not been counted.")
        return [max(1, min(max_length, tokens)) for tokens in self.tokens]

    def save(self, path: Path) -> Path:
        """Write texts and labels for the processes of all sides, whose environments share no library."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"texts": self.texts, "labels": self.labels}), encoding="utf-8")
        return path


def read_imdb(folder: Path, split: str) -> Reviews:
    """All reviews of a split, in the file's order (sorted by label)."""
    import pyarrow.parquet as pq

    found = sorted((folder / "plain_text").glob(f"{split}-*.parquet"))
    if not found:
        raise SystemExit(
            f"{folder}: IMDb in the hub's layout (plain_text/{split}-*.parquet) is expected there. Name the folder "
            "that holds data/imdb and models/gpt2-untrained by LIGHTUNE_SHARED."
        )
    tables = [pq.read_table(path, columns=["text", "label"]).to_pydict() for path in found]
    texts = tuple(text for table in tables for text in table["text"])
    return Reviews(texts, tuple(int(label) for table in tables for label in table["label"]))


def shuffled(reviews: Reviews, count: int, seed: int) -> Reviews:
    """`count` of them, drawn at random."""
    return reviews.take(np.random.default_rng(seed).permutation(len(reviews))[:count])


def counted(reviews: Reviews, tokenizer: Any) -> Reviews:
    """The same with each text's tokens counted."""
    ids = tokenizer(list(reviews.texts), verbose=False)["input_ids"]
    return Reviews(reviews.texts, reviews.labels, tuple(len(row) for row in ids))


def representative(reviews: Reviews, count: int, seed: int) -> Reviews:
    """`count` reviews at evenly spaced quantiles of length, in random order: a random draw without its luck."""
    order = np.argsort(np.asarray(reviews.tokens), kind="stable")
    at = ((np.arange(count) + 0.5) / count * len(order)).astype(np.int64)
    return reviews.take(np.random.default_rng(seed).permutation(order[at]))


def grouped_steps(reviews: Reviews, steps: int, step_rows: int, seed: int) -> Reviews:
    """`steps` of the steps that stock's `group_by_length` makes of all `reviews`, one after the other.

    The Trainer's own sampler forms them of the whole pool (of a few rows alone it would not sort at all), and those at
    evenly spaced quantiles of their tokens are taken. Reading them in order is what that sampler does in life.
    """
    import torch
    from transformers.trainer_pt_utils import get_length_grouped_indices

    generator = torch.Generator().manual_seed(seed)
    order = get_length_grouped_indices(list(reviews.tokens), step_rows, MEGA_STEPS, generator=generator)
    whole = [order[at : at + step_rows] for at in range(0, len(order) - step_rows + 1, step_rows)]
    whole.sort(key=lambda rows: sum(reviews.tokens[row] for row in rows))
    chosen = [whole[int((step + 0.5) / steps * len(whole))] for step in range(steps)]
    np.random.default_rng(seed).shuffle(chosen)
    return reviews.take([row for rows in chosen for row in rows])


def padded_tokens(lengths: Sequence[int], batch: int, to: int | None = None) -> int:
    """Tokens, padding included, of batches of `batch` rows in this order. to: the width that all are padded to."""
    parts = [lengths[at : at + batch] for at in range(0, len(lengths), batch)]
    return sum(len(part) * (to or max(part)) for part in parts)
