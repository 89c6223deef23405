"""How much room each row of an Arrow table takes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Sizes = NDArray[np.int64]
_OF_ANY_LENGTH = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
)


def row_sizes(table: pa.Table) -> list[int]:
    """Bytes of each row's values. Those of a dictionary count as often as they stand in a row."""
    total = np.zeros(len(table), dtype=np.int64)
    for column in table.columns:
        total += np.concatenate([_sizes(chunk) for chunk in column.chunks]) if len(table) else 0
    return [int(size) for size in total]


def _sizes(array: pa.Array) -> Sizes:
    kind, rows = array.type, len(array)
    if rows == 0 or pa.types.is_null(kind):
        return np.zeros(rows, dtype=np.int64)
    if isinstance(kind, pa.BaseExtensionType):
        return _sizes(array.storage)
    if pa.types.is_dictionary(kind):
        return _sizes(array.cast(kind.value_type))
    if pa.types.is_struct(kind):
        return sum((_sizes(array.field(at)) for at in range(kind.num_fields)), np.zeros(rows, dtype=np.int64))
    if pa.types.is_map(kind):
        return _between(_sizes(array.keys) + _sizes(array.items), array)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _between(_sizes(array.values), array)
    sizes: Sizes
    if pa.types.is_fixed_size_list(kind):
        each = _sizes(array.values)[array.offset * kind.list_size : (array.offset + rows) * kind.list_size]
        sizes = each.reshape(rows, kind.list_size).sum(axis=1)
    elif any(is_one(kind) for is_one in _OF_ANY_LENGTH):
        lengths = pc.binary_length(array.cast(pa.large_binary()))
        sizes = pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False)
    else:
        sizes = np.full(rows, max(kind.bit_width // 8, 1), dtype=np.int64)
    return sizes


def _between(inner: Sizes, array: pa.Array) -> Sizes:
    """The sizes of lists, by those of all values that they are made of."""
    before = np.concatenate([[0], np.cumsum(inner)])
    sizes: Sizes = np.diff(before[array.offsets.to_numpy()])
    return sizes
