"""Records to plain JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import cattrs
import numpy as np

T = TypeVar("T")


def to_json(record: Any) -> Any:
    """Turn a record (not Rows or Predictions) into plain JSON values; NaN and infinities become null."""
    return _plain(_converter.unstructure(record))


def from_json(kind: type[T], value: Any) -> T:
    """Build a record of `kind` from what `to_json` made. Unknown keys are ignored, a null number becomes NaN.

    Raises ValueError naming the field when a value is missing or of the wrong kind.
    """
    try:
        return _converter.structure(value, kind)
    except cattrs.BaseValidationError as error:
        faults = "; ".join(cattrs.transform_error(error))
        raise ValueError(f"not a {kind.__name__}: {faults}") from error


def dumps(record: Any) -> str:
    """`to_json` as indented UTF-8 text with a final newline. Never writes NaN, which is not JSON."""
    return json.dumps(to_json(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _structure_float(value: Any, _: Any) -> float:
    return math.nan if value is None else float(value)


_converter = cattrs.Converter()
_converter.register_structure_hook(float, _structure_float)
