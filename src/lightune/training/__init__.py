"""Training and measuring with transformers' Trainer."""

from lightune.training.batches import TokenRows
from lightune.training.fit import Trained, fit, predict
from lightune.training.recipe import Recipe, resolve_recipe

__all__ = ["Recipe", "TokenRows", "Trained", "fit", "predict", "resolve_recipe"]
