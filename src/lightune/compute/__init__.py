"""What training and inference share: encoding, batching, forward passes, and whatever answers for a text."""

from lightune.compute.bag_of_words import BagOfWords, new_vectorizer
from lightune.compute.batching import (
    Layout,
    collate,
    even_batches,
    layout_for,
    length_batches,
    on_device,
    pack,
    packed_batches,
    packed_width,
)
from lightune.compute.cached_trunk import CachedTrunk
from lightune.compute.choices import Choices, choosing
from lightune.compute.encoding import Encoded, Encoder
from lightune.compute.feature_cache import FeatureCache
from lightune.compute.forward import logits_of, softmax
from lightune.compute.laying_out import LAID_OUT_FROM, has_room, laid_out_for, layouts_fit
from lightune.compute.linear import Constant, Linear
from lightune.compute.memory import kept_bytes
from lightune.compute.onnx_graph import INSTALL, OnnxScorer, open_session, run_session
from lightune.compute.padded import LEFT, RIGHT, padded_logits
from lightune.compute.pooled import pooled_features
from lightune.compute.probe import ProbeScorer
from lightune.compute.quickening import onednn_pays, quicken
from lightune.compute.scorer import MERGE_TEXTS, ModelScorer, Scored, Scorer
from lightune.compute.state_cache import BFLOAT16, FLOAT32, Filled, StateCache, text_hash
from lightune.compute.token_cache import TokenCache
from lightune.compute.tokenising import tokenizer_digest
from lightune.compute.zero_shot import ZeroShotScorer

__all__ = [
    "BFLOAT16",
    "FLOAT32",
    "INSTALL",
    "LAID_OUT_FROM",
    "LEFT",
    "MERGE_TEXTS",
    "RIGHT",
    "BagOfWords",
    "CachedTrunk",
    "Choices",
    "Constant",
    "Encoded",
    "Encoder",
    "FeatureCache",
    "Filled",
    "Layout",
    "Linear",
    "ModelScorer",
    "OnnxScorer",
    "ProbeScorer",
    "Scored",
    "Scorer",
    "StateCache",
    "TokenCache",
    "ZeroShotScorer",
    "choosing",
    "collate",
    "even_batches",
    "has_room",
    "kept_bytes",
    "laid_out_for",
    "layout_for",
    "layouts_fit",
    "length_batches",
    "logits_of",
    "new_vectorizer",
    "on_device",
    "onednn_pays",
    "open_session",
    "pack",
    "packed_batches",
    "packed_width",
    "padded_logits",
    "pooled_features",
    "quicken",
    "run_session",
    "softmax",
    "text_hash",
    "tokenizer_digest",
]
