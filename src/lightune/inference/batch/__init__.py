"""Whole files of texts, window by window."""

from lightune.inference.batch.pipe import predict_to_pipe
from lightune.inference.batch.predict import CHECK, LABEL, WRITE, predict_file
from lightune.inference.batch.request import PIPE, BatchRequest

__all__ = ["CHECK", "LABEL", "PIPE", "WRITE", "BatchRequest", "predict_file", "predict_to_pipe"]
