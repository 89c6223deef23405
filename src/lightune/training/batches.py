"""What one optimizer step sees: its rows drawn at random, its micro-batches cut from them without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from lightune.compute import Encoded, Layout
from lightune.training.dealing import Cut, share


class TokenRows(Dataset[dict[str, Any]]):
    """Encoded texts with their labels, for torch's loaders. A row: `ids` (int32), `label` (int), `row` (its number)."""

    def __init__(self, encoded: Encoded, labels: NDArray[np.int64]) -> None:
        self.encoded = encoded
        self.labels = labels

    def __len__(self) -> int:
        return len(self.encoded)

    def take(self, rows: NDArray[np.int64]) -> TokenRows:
        """These rows alone."""
        encoded = Encoded(tuple(self.encoded.ids[row] for row in rows), self.encoded.cut[rows])
        return TokenRows(encoded, self.labels[rows])

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"ids": self.encoded.ids[row], "label": int(self.labels[row]), "row": row}


class StepSampler(Sampler[list[int]]):
    """Each epoch a new order of all rows, `step_rows` of them a step; the last step of an epoch takes what is left.

    The order is a function of seed and epoch alone, so a resumed run sees what an uninterrupted one does.
    """

    def __init__(self, rows: int, step_rows: int, seed: int) -> None:
        self.rows = rows
        self.step_rows = step_rows
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is drawn; the Trainer calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.rows // self.step_rows)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.rows).tolist()
        for start in range(0, self.rows, self.step_rows):
            yield order[start : start + self.step_rows]


@dataclass(frozen=True)
class StepCollator:
    """Turns a step's rows into the micro-batches of one process. cut: the lengths of some rows, int64 [rows], to groups
    of their places. rank, size: of the processes that share the step.

    Gives `labels`, int64 [rows], and `tokens` of the whole step, this process's `micro_batches`, and how many of the
    last ones are `fillers`, which are not to count.
    """

    collator: RowCollator
    cut: Cut
    rank: int = 0
    size: int = 1

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        lengths = np.asarray([len(row["ids"]) for row in rows], dtype=np.int64)
        own = share(lengths, self.cut, self.rank, self.size)
        batches = [*own.batches, *([int(lengths.argmin())] for _ in range(own.fillers))]
        return {
            "labels": torch.as_tensor([row["label"] for row in rows], dtype=torch.int64),
            "tokens": int(lengths.sum()),
            "micro_batches": [self.collator([rows[at] for at in batch]) for batch in batches],
            "fillers": own.fillers,
        }


@dataclass(frozen=True)
class RowCollator:
    """Makes one batch of rows: labels, input_ids, and attention_mask where they are padded, segments where they are
    packed. Labels come first: the Trainer counts the rows of a batch by the first tensor that it finds."""

    pad_id: int
    packed: bool = False

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        labels = torch.as_tensor([row["label"] for row in rows], dtype=torch.int64)
        return {"labels": labels, **Layout(self.packed).inputs([row["ids"] for row in rows], self.pad_id)}
