"""The only place that imports peft."""

from lightune.methods.adapters import (
    ADAPTER_FILE,
    adapter_config,
    is_adapter,
    load_adapter,
    method_of,
    save_adapter,
    trainable_parameters,
)
from lightune.methods.attach import attach
from lightune.methods.configuring import option_names, peft_config
from lightune.methods.fused_lora import fuse_lora, merge_plain_lora
from lightune.methods.hooks import after_step, initialise_from_texts, rate_factors, why_not_here
from lightune.methods.layers import bias_names, in_top_blocks, linear_layers
from lightune.methods.many_adapters import NO_ADAPTER, ManyAdapters, backbone_parameters, joins, own_head
from lightune.methods.merging import merge, stock_route, stock_route_of, why_not_merged
from lightune.methods.plain_lora import CHANGES_BASE, as_plain_lora, factors
from lightune.methods.stock import stock_adapter
from lightune.methods.untrusted import check_adapter_folder

__all__ = [
    "ADAPTER_FILE",
    "CHANGES_BASE",
    "NO_ADAPTER",
    "ManyAdapters",
    "adapter_config",
    "after_step",
    "as_plain_lora",
    "attach",
    "backbone_parameters",
    "bias_names",
    "check_adapter_folder",
    "factors",
    "fuse_lora",
    "in_top_blocks",
    "initialise_from_texts",
    "is_adapter",
    "joins",
    "linear_layers",
    "load_adapter",
    "merge",
    "merge_plain_lora",
    "method_of",
    "option_names",
    "own_head",
    "peft_config",
    "rate_factors",
    "save_adapter",
    "stock_adapter",
    "stock_route",
    "stock_route_of",
    "trainable_parameters",
    "why_not_here",
    "why_not_merged",
]
