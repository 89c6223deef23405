"""The arms of one process, and the one call that asks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightune.compute import Scorer
from lightune.hosting.hosted import Hosted
from lightune.hosting.trunk import Trunk


@dataclass(frozen=True)
class Ask:
    """Texts for one arm. model: its name in `Host.models`."""

    model: str
    texts: tuple[str, ...]


class Host:
    """Arms held in memory.

    models: what can be asked, by name. defaults: who answers where nobody is named: the first study's default arm and,
    where it is held, its `pretrained`. weight_bytes: what all weights take, shared ones once.

    For one thread: models and tokenizers are not made for two at once.
    """

    def __init__(
        self,
        models: Mapping[str, Hosted],
        defaults: Sequence[str],
        scorers: Mapping[str, Scorer],
        trunks: Sequence[Trunk],
        weight_bytes: int,
    ) -> None:
        self.models = dict(models)
        self.defaults = tuple(defaults)
        self.weight_bytes = weight_bytes
        self._scorers = dict(scorers)
        self._trunks = {name: trunk for trunk in trunks for name in trunk.members}

    def answer(self, asked: Sequence[Ask]) -> list[NDArray[np.float64]]:
        """Logits [texts, labels] of each Ask, in order. An arm's texts are computed together, whoever asks them, and so
        are those of arms that share a base where it pays; no answer depends on the others by more than rounding.

        Raises KeyError for a name that is not in `models`.
        """
        texts: dict[str, list[str]] = {}
        places: list[tuple[str, int, int]] = []
        for ask in asked:
            own = texts.setdefault(self.models[ask.model].name, [])
            places.append((ask.model, len(own), len(own) + len(ask.texts)))
            own.extend(ask.texts)
        found = self._logits({name: own for name, own in texts.items() if own})
        return [
            found[name][start:end] if end > start else np.empty((0, len(self.models[name].labels)))
            for name, start, end in places
        ]

    def _logits(self, texts: Mapping[str, Sequence[str]]) -> dict[str, NDArray[np.float64]]:
        together: dict[Trunk, dict[str, Sequence[str]]] = {}
        found: dict[str, NDArray[np.float64]] = {}
        for name, own in texts.items():
            if name in self._trunks:
                together.setdefault(self._trunks[name], {})[name] = own
            else:
                found[name] = self._scorers[name].score(own).logits
        for trunk, members in together.items():
            found |= trunk.answer(members)
        return found
