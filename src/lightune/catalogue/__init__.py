"""The catalogue of methods: what each is, needs, and cannot do. Plain data; needs neither torch nor peft."""

from lightune.catalogue.entry import (
    BIASES,
    BLOCKS,
    EMBEDDING,
    LINEAR,
    MERGE,
    MIX,
    NO_WEIGHTS,
    NORMS,
    PROMPT,
    SAVE,
    Method,
    Shape,
)
from lightune.catalogue.low_rank import LOW_RANK
from lightune.catalogue.other_updates import OTHER_UPDATES
from lightune.catalogue.prompts import PROMPTS

METHODS = {method.name: method for method in (*LOW_RANK, *OTHER_UPDATES, *PROMPTS)}

__all__ = [
    "BIASES",
    "BLOCKS",
    "EMBEDDING",
    "LINEAR",
    "MERGE",
    "METHODS",
    "MIX",
    "NORMS",
    "NO_WEIGHTS",
    "PROMPT",
    "SAVE",
    "Method",
    "Shape",
]
