"""Artefacts for other programs: an adapter, a merged model, an ONNX graph, each compared with its original.

Names are imported when they are first used: a push needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightune.exports.exporting import Order as Order
    from lightune.exports.exporting import export as export
    from lightune.exports.push import push_export as push_export
    from lightune.exports.records import FORMATS as FORMATS
    from lightune.exports.records import ExportRecord as ExportRecord
    from lightune.exports.records import Quantised as Quantised
    from lightune.exports.records import read_record as read_record

_HOMES = {
    "FORMATS": "records",
    "ExportRecord": "records",
    "Order": "exporting",
    "Quantised": "records",
    "export": "exporting",
    "push_export": "push",
    "read_record": "records",
}

__all__ = ["FORMATS", "ExportRecord", "Order", "Quantised", "export", "push_export", "read_record"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lightune.exports' has no attribute {name!r}")
    value = getattr(import_module(f"lightune.exports.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
