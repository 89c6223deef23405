"""The only place that imports peft."""

from lightune.methods.adapters import adapter_config, is_adapter, load_adapter, save_adapter, trainable_parameters
from lightune.methods.lora import attach_lora, linear_layers

__all__ = [
    "adapter_config",
    "attach_lora",
    "is_adapter",
    "linear_layers",
    "load_adapter",
    "save_adapter",
    "trainable_parameters",
]
