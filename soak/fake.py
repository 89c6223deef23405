"""A host without a model, of a fixed pace: what the server does with requests shows without waiting for torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lightune.hosting import Ask, Hosted

LABELS = ("bad", "good")


def hosted(name: str, temperature: float | None = None, max_length: int | None = 512) -> Hosted:
    """An arm `name` of the study `fake`."""
    return Hosted(name, "fake", name, "adapter", "fake-base", LABELS, True, temperature, max_length, None)


class FakeHost:
    """Answers by the text's length after `seconds` a text. Each call is kept in `asked` if `keep`; what `before` raises
    is raised."""

    def __init__(self, seconds: float = 0.0, leak: int = 0, keep: bool = False) -> None:
        self.models = {"lora": hosted("lora", temperature=2.0), "pretrained": hosted("pretrained")}
        self.defaults = ("lora", "pretrained")
        self.seconds = seconds
        self.weight_bytes = 0
        self.asked: list[tuple[Ask, ...]] = []
        self.before: Callable[[Sequence[Ask]], object] = len
        self._keep = keep
        self._leak = leak
        self._leaked: list[bytes] = []

    def answer(self, asked: Sequence[Ask]) -> list[NDArray[np.float64]]:
        if self._keep:
            self.asked.append(tuple(asked))
        self.before(asked)
        if self._leak:
            self._leaked.append(bytes(bytearray(b"x" * self._leak)))
        if self.seconds:
            time.sleep(self.seconds * sum(len(ask.texts) for ask in asked))
        return [np.array([logits_of(ask.model, text) for text in ask.texts]) for ask in asked]


def logits_of(model: str, text: str) -> tuple[float, float]:
    """What `FakeHost` answers."""
    value = (len(text) % 7 - 3) / 2
    return (-value, value) if model == "lora" else (value / 2, -value / 2)
