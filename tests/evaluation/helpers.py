"""Predictions made up for tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lightune.records import Predictions


def random_rows(rows: int, k: int, seed: int = 0, signal: float = 1.0) -> tuple[NDArray, NDArray]:
    """Labels [rows], every one of k there if rows allow, and probabilities that lean to them by `signal`.

    Logits are rounded, so that some rows share a score.
    """
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(rows) % k)
    logits = np.round(generator.normal(size=(rows, k)), 1)
    logits[np.arange(rows), labels] += signal
    return labels.astype(np.int64), softmax(logits)


def softmax(logits: NDArray) -> NDArray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def make(labels: Sequence[int], probabilities: object, **changes: object) -> Predictions:
    """Predictions of arm `lora` on `test`; a list of floats is the second of two labels' probability."""
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim == 1:
        values = np.stack([1 - values, values], axis=1)
    made = Predictions(
        arm="lora",
        split="test",
        train_size=100,
        seed=0,
        label_names=tuple("abcdefghijklmnopqrstuvwxyz"[: values.shape[1]]),
        row_ids=tuple(f"row-{i}" for i in range(len(labels))),
        labels=np.asarray(labels, dtype=np.int64),
        probabilities=values,
    )
    return replace(made, **changes)


def from_predicted(labels: Sequence[int], predicted: Sequence[int], k: int = 2, **changes: object) -> Predictions:
    """Predictions that give 0.9 to the predicted label and share the rest."""
    probabilities = np.full((len(labels), k), 0.1 / (k - 1))
    probabilities[np.arange(len(labels)), predicted] = 0.9
    return make(labels, probabilities, **changes)


def calls(work: Callable[[], object]) -> int:
    """How many functions `work` calls, numpy's among them: the same on a busy machine, and far more where rows or
    resamples are gone through one by one."""
    made = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made
