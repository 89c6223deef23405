"""Artefacts for other programs: an adapter, a merged model, an ONNX graph, each compared with its original."""

from lightune.exports.exporting import Order, export
from lightune.exports.origin import study_of
from lightune.exports.push import push
from lightune.exports.records import FORMATS, ExportRecord, Quantised, read_record

__all__ = ["FORMATS", "ExportRecord", "Order", "Quantised", "export", "push", "read_record", "study_of"]
