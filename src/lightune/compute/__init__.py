"""What training and inference share: encoding, batching, forward passes."""

from lightune.compute.batching import collate, length_batches
from lightune.compute.encoding import Encoded, Encoder
from lightune.compute.forward import logits_of, softmax

__all__ = ["Encoded", "Encoder", "collate", "length_batches", "logits_of", "softmax"]
