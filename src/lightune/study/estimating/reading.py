"""How long a study's texts are for its model, and how long it takes to find out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lightune.config import StudyConfig
from lightune.records import Rows, Splits
from lightune.study.estimating.work import Lengths


@dataclass(frozen=True)
class Reading:
    """tokens: of each text by its row id; None where no arm of the study has a model. second_per_token: of encoding.
    weights: parameters of the model; width: of its hidden states; blocks: how many it has; limit: tokens that it reads
    of a text."""

    tokens: Mapping[str, int] | None
    second_per_token: float = 0.0
    weights: int = 0
    width: int = 0
    blocks: int = 0
    limit: int = 0

    def lengths(self, rows: Rows) -> Lengths:
        """Tokens of each row, or its characters where there is no model: int64 [rows]."""
        if self.tokens is None:
            return characters(rows)
        return np.fromiter((self.tokens[row] for row in rows.row_ids), dtype=np.int64, count=len(rows))


def characters(rows: Rows) -> Lengths:
    """Characters of each row, and one more, since an empty one takes time too: int64 [rows]."""
    return np.fromiter((len(text) + 1 for text in rows.texts), dtype=np.int64, count=len(rows))


def read(config: StudyConfig, splits: Splits) -> Reading:
    """Tokenise every text of the study once, as its runs will. Raises InputError."""
    from lightune.compute import Encoder
    from lightune.models import find_model, load_tokenizer, resolve_max_length, weight_bytes
    from lightune.models.size import FLOAT32

    source = find_model(config.model.source)
    tokenizer = load_tokenizer(source)
    limit = resolve_max_length(config.model.max_length, source.config, tokenizer)
    encoder = Encoder(tokenizer, limit, config.model.truncate)
    encoder.encode(splits.train.texts[:8])
    found: dict[str, int] = {}
    start = time.perf_counter()
    for rows in (splits.train, splits.validation, splits.test, *splits.extra.values()):
        found |= dict(zip(rows.row_ids, encoder.encode(rows.texts).lengths.tolist(), strict=True))
    each = (time.perf_counter() - start) / max(sum(found.values()), 1)
    weights = weight_bytes(source.config, len(splits.label_names)) // FLOAT32
    blocks = int(getattr(source.config, "num_hidden_layers", 0))
    return Reading(found, each, weights, int(source.config.hidden_size), blocks, limit)
