"""Logits by one linear layer, and what has no features at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.compute.scorer import OnRows, Scored


@dataclass(frozen=True)
class Linear:
    """features @ weight.T + bias. weight: [labels, features], bias: [labels], float64."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def logits(self, features: Any) -> NDArray[np.float64]:
        """Logits [rows, labels] of features [rows, features], an array or a scipy sparse matrix."""
        return np.asarray(features @ self.weight.T) + self.bias


class Constant:
    """The same answer for every text: the logarithms of the labels' shares."""

    def __init__(self, shares: NDArray[np.float64]) -> None:
        self.shares = shares

    def score(self, texts: Sequence[str], on_rows: OnRows | None = None) -> Scored:
        """The shares' logarithms, once a text. A share of 0 counts as one in a million million."""
        if on_rows is not None:
            on_rows(len(texts))
        return Scored(np.tile(np.log(np.maximum(self.shares, 1e-12)), (len(texts), 1)))
