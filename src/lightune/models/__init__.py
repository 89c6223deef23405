"""The one door to transformers' models: found, loaded, given a head and a pooling that can be trusted."""

from lightune.models.blocks import Blocks, find_blocks, first_adapted
from lightune.models.conv1d import to_conv1d, to_linear
from lightune.models.dropout import use_bulk_dropout
from lightune.models.fused_mlp import fuse_mlp
from lightune.models.heads import checkpoint_labels, draw_head, head_modules
from lightune.models.language import LanguageModel, load_language_model, why_no_language_head
from lightune.models.layouts import LaidOut, as_linear, laid_out, laid_out_bytes, laid_out_weight
from lightune.models.limits import longest_input, resolve_max_length
from lightune.models.loading import Classifier, Head, embedding_shape, load_classifier
from lightune.models.onednn import fits_onednn, product, product_back, use_onednn
from lightune.models.onednn import speed as onednn_speed
from lightune.models.packed import can_pack, packed_states
from lightune.models.pooling import hidden_states, pool_by_mask, pools_first_token
from lightune.models.quantised import NF4, is_quantised, quantise
from lightune.models.restoring import put_back
from lightune.models.rows import count_own_tokens
from lightune.models.segments import SEGMENTS, Segments
from lightune.models.shrunk import shrunk_classifier
from lightune.models.size import weight_bytes
from lightune.models.sources import (
    ModelSource,
    computed_by,
    embedded_folder,
    fetched_digest,
    find_model,
    has_weights,
    quiet_transformers,
    weights_digest,
)
from lightune.models.speedups import drop_frozen_dropout
from lightune.models.stock import stock_classifier, stock_pipeline, stock_tokenizer
from lightune.models.strict_files import MOST_TEXT, Declared, check_place, check_size, entries, read_header, read_object
from lightune.models.tokenizers import load_tokenizer
from lightune.models.traced import TracedClassifier
from lightune.models.trunk import Trunk

__all__ = [
    "MOST_TEXT",
    "NF4",
    "SEGMENTS",
    "Blocks",
    "Classifier",
    "Declared",
    "Head",
    "LaidOut",
    "LanguageModel",
    "ModelSource",
    "Segments",
    "TracedClassifier",
    "Trunk",
    "as_linear",
    "can_pack",
    "check_place",
    "check_size",
    "checkpoint_labels",
    "computed_by",
    "count_own_tokens",
    "draw_head",
    "drop_frozen_dropout",
    "embedded_folder",
    "embedding_shape",
    "entries",
    "fetched_digest",
    "find_blocks",
    "find_model",
    "first_adapted",
    "fits_onednn",
    "fuse_mlp",
    "has_weights",
    "head_modules",
    "hidden_states",
    "is_quantised",
    "laid_out",
    "laid_out_bytes",
    "laid_out_weight",
    "load_classifier",
    "load_language_model",
    "load_tokenizer",
    "longest_input",
    "onednn_speed",
    "packed_states",
    "pool_by_mask",
    "pools_first_token",
    "product",
    "product_back",
    "put_back",
    "quantise",
    "quiet_transformers",
    "read_header",
    "read_object",
    "resolve_max_length",
    "shrunk_classifier",
    "stock_classifier",
    "stock_pipeline",
    "stock_tokenizer",
    "to_conv1d",
    "to_linear",
    "use_bulk_dropout",
    "use_onednn",
    "weight_bytes",
    "weights_digest",
    "why_no_language_head",
]
