"""Training and measuring with transformers' Trainer."""

from lightune.training.batches import RowCollator, StepSampler, TokenRows
from lightune.training.checkpoints import Checkpoints
from lightune.training.demands import NOTHING, Demands
from lightune.training.fit import Trained, fit, predict
from lightune.training.observing import observe, tensor_digests
from lightune.training.planning import CPU_TOKENS, GPU_TOKENS, PLAN, micro_batches, over_processes, plan_training
from lightune.training.recipe import FULL_RATES, LORA_RATES, Recipe, resolve_recipe
from lightune.training.trained_state import load_trained

__all__ = [
    "CPU_TOKENS",
    "FULL_RATES",
    "GPU_TOKENS",
    "LORA_RATES",
    "NOTHING",
    "PLAN",
    "Checkpoints",
    "Demands",
    "Recipe",
    "RowCollator",
    "StepSampler",
    "TokenRows",
    "Trained",
    "fit",
    "load_trained",
    "micro_batches",
    "observe",
    "over_processes",
    "plan_training",
    "predict",
    "resolve_recipe",
    "tensor_digests",
]
