"""The frozen blocks below an adapter on the top ones: their states computed once for all runs of a study."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.arms.base import ArmContext
from lightune.compute import BFLOAT16, CachedTrunk, Filled, StateCache, text_hash, tokenizer_digest
from lightune.config import NONE
from lightune.models import Classifier, Trunk, computed_by, find_blocks, first_adapted, is_quantised
from lightune.progress import counting
from lightune.runtime import pick_device

Texts = Sequence[NDArray[np.int32]]


class FrozenTrunk:
    """What the runs of an arm, and its trials, share of the trunk: one cache, and what is to be told of it.

    base: a model as the runs have it, with or without their adapter. max_length: the cut. converted: whether its Conv1D
    layers are Linear ones. Where `off` is not None nothing is kept, and it says why; it is empty where that is no news.
    """

    def __init__(self, context: ArmContext, base: Classifier, max_length: int, converted: bool = False) -> None:
        self.context = context
        self.off = _why_off(context, base)
        self.filled = Filled(0, 0, 0)
        self._seen: set[bytes] = set()
        if self.off is None:
            training = context.config.training
            assert training.top_blocks is not None
            self.split = first_adapted(base.model, training.top_blocks)
            self.blocks = int(base.model.config.num_hidden_layers)
            self.off = Trunk(base.model, self.split).why_not()
            self.cache = StateCache(
                context.cache,
                _key(base, (max_length, context.config.model.truncate), self.split, converted),
                int(base.model.config.hidden_size),
                training.trunk_cache,
                training.trunk_cache_bytes,
            )

    def of(self, base: Classifier) -> CachedTrunk | None:
        """The trunk of `base`, a model as the first one, with or without an adapter; None where there is none."""
        if self.off is not None:
            return None
        return CachedTrunk(Trunk(base.model, self.split), self.cache, int(base.tokenizer.pad_token_id))

    @contextmanager
    def serving(self, base: Classifier, texts: Texts) -> Iterator[None]:
        """Within it passes of `base` take the states of `texts` (token ids) from the cache, filled first."""
        trunk = self.of(base)
        if trunk is None:
            yield
            return
        self.fill(trunk, texts)
        with trunk.serving():
            yield

    def fill(self, trunk: CachedTrunk, texts: Texts) -> None:
        """Have the states of `texts` in the cache; each text is looked at once."""
        fresh = {text_hash(ids): ids for ids in texts}
        fresh = {found: ids for found, ids in fresh.items() if found not in self._seen}
        tick = counting(len(fresh), lambda done, total: self.context.progress("trunk", done, total, {}))
        self._seen |= set(fresh)
        group = self.context.group
        with group.first_goes_first():
            new = list(fresh.values())
            self.filled += trunk.fill(new, tick) if group.first else self.cache.look(new)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of it in a run's record."""
        if self.off is not None:
            return (f"The frozen blocks were run anew in each step: {self.off}.",) if self.off else ()
        filled, said = self.filled, []
        texts = filled.kept + filled.computed
        said.append(f"The lower {self.split} of {self.blocks} blocks were run once for each of {texts:,} texts.")
        if filled.kept:
            said.append(f"{filled.kept:,} of them had their states from an earlier run: the time leaves those out.")
        if filled.beyond:
            why = f"the disk took no more ({filled.fault})" if filled.fault else "--trunk-cache-bytes has no room"
            said.append(f"{filled.beyond:,} texts were run anew each time: {why}.")
        if self.context.config.training.trunk_cache == BFLOAT16:
            said.append("Their states were kept in bfloat16, which is not exact.")
        return tuple(said)


def _why_off(context: ArmContext, base: Classifier) -> str | None:
    """Why nothing is kept; empty where no top blocks were asked for, or all of them."""
    training = context.config.training
    if training.top_blocks is None or first_adapted(base.model, training.top_blocks) == 0:
        return ""
    if not context.config.keep_texts:
        return "--no-texts keeps nothing that texts could be read from"
    if _trains_below(base, training.top_blocks):
        return "the method trains something below the top blocks"
    if training.frozen_dropout:
        return "--frozen-dropout changes their states each time"
    return "--trunk-cache none" if training.trunk_cache == NONE else None


def _trains_below(base: Classifier, top_blocks: int) -> bool:
    """Whether anything learns that is neither in the top blocks nor in the head nor above them."""
    found = find_blocks(base.model)
    lower = {id(one) for block in found.modules[: first_adapted(base.model, top_blocks)] for one in block.parameters()}
    lower |= {id(one) for one in base.model.get_input_embeddings().parameters()}
    learns = any(one.requires_grad for one in base.model.parameters() if id(one) in lower)
    return learns and any(not one.requires_grad for one in base.model.parameters())


def _key(base: Classifier, cut: tuple[int, str], split: int, converted: bool) -> str:
    """All that the states depend on beside a text's ids, and the cut that made these."""
    told: list[Any] = [
        *computed_by(base.source),
        tokenizer_digest(base.tokenizer),
        cut,
        split,
        pick_device().precision,
        "linear" if converted else "stock",
        "4 bits" if is_quantised(base.model) else "whole",
        [metadata.version(package) for package in ("torch", "transformers")],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
