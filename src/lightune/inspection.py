"""`inspect`: the data, and with a model how its tokenizer sees it."""

from __future__ import annotations

from lightune.config import DataConfig, ModelConfig
from lightune.data import Audit, audit


def inspect_data(data: DataConfig, model: ModelConfig | None = None) -> Audit:
    """Look at `data`; with `model` also at lengths in its tokens and how many texts its cut shortens.

    Loads no weights. Raises InputError.
    """
    if model is None:
        return audit(data)
    from lightune.compute import Encoder
    from lightune.models import find_model, load_tokenizer, resolve_max_length

    source = find_model(model.source)
    tokenizer = load_tokenizer(source)
    max_length = resolve_max_length(model.max_length, source.config, tokenizer)
    return audit(data, Encoder(tokenizer, max_length, model.truncate).count, max_length)
