"""How many tokens a model can take."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

from lightune.errors import ConfigError

DEFAULT_LIMIT = 512
# These count positions from the padding id on, so their table is longer than the texts they take.
OFFSET_POSITIONS = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "mpnet")


def longest_input(config: PreTrainedConfig, tokenizer: Any) -> int:
    """Return the most tokens a text may have, special ones included: the least of what the model's position table and
    its tokenizer allow.
    """
    limits = [int(tokenizer.model_max_length)]
    for name in ("n_positions", "max_position_embeddings"):
        positions = getattr(config, name, None)
        if isinstance(positions, int) and positions > 0:
            offset = (config.pad_token_id or 0) + 1 if config.model_type in OFFSET_POSITIONS else 0
            limits.append(positions - offset)
    return min(limits)


def resolve_max_length(asked: int | None, config: PreTrainedConfig, tokenizer: Any) -> int:
    """Return the cut in tokens: what was asked for, else the model's limit, at most 512. Raises ConfigError."""
    limit = longest_input(config, tokenizer)
    if asked is None:
        return min(limit, DEFAULT_LIMIT)
    if asked > limit:
        raise ConfigError(f"--max-length: at most {limit} tokens is what this model takes, got {asked}.")
    return asked
