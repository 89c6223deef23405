"""The only place that imports peft."""

from lightune.methods.adapters import adapter_config, is_adapter, load_adapter, save_adapter, trainable_parameters
from lightune.methods.lora import attach_lora, linear_layers
from lightune.methods.merging import merge
from lightune.methods.stock import stock_adapter

__all__ = [
    "adapter_config",
    "attach_lora",
    "is_adapter",
    "linear_layers",
    "load_adapter",
    "merge",
    "save_adapter",
    "stock_adapter",
    "trainable_parameters",
]
