"""What training and inference share: encoding, batching, forward passes, and whatever answers for a text."""

from lightune.compute.bag_of_words import BagOfWords, new_vectorizer
from lightune.compute.batching import collate, length_batches
from lightune.compute.cached_trunk import CachedTrunk
from lightune.compute.encoding import Encoded, Encoder
from lightune.compute.feature_cache import FeatureCache
from lightune.compute.forward import logits_of, softmax
from lightune.compute.linear import Constant, Linear
from lightune.compute.onnx_graph import INSTALL, OnnxScorer, open_session, run_session
from lightune.compute.padded import LEFT, RIGHT, padded_logits
from lightune.compute.pooled import pooled_features
from lightune.compute.probe import ProbeScorer
from lightune.compute.scorer import ModelScorer, Scored, Scorer
from lightune.compute.state_cache import BFLOAT16, FLOAT32, Filled, StateCache, text_hash
from lightune.compute.zero_shot import ZeroShotScorer

__all__ = [
    "BFLOAT16",
    "FLOAT32",
    "INSTALL",
    "LEFT",
    "RIGHT",
    "BagOfWords",
    "CachedTrunk",
    "Constant",
    "Encoded",
    "Encoder",
    "FeatureCache",
    "Filled",
    "Linear",
    "ModelScorer",
    "OnnxScorer",
    "ProbeScorer",
    "Scored",
    "Scorer",
    "StateCache",
    "ZeroShotScorer",
    "collate",
    "length_batches",
    "logits_of",
    "new_vectorizer",
    "open_session",
    "padded_logits",
    "pooled_features",
    "run_session",
    "softmax",
    "text_hash",
]
