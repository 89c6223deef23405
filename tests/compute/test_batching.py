"""Batches with hardly any padding, each row once."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lightune.compute import collate, even_batches, length_batches, pack
from lightune.compute.batching import INFERENCE_ROWS, INFERENCE_TOKENS, PADDING
from lightune.models import SEGMENTS, Segments

LENGTHS = st.lists(st.integers(1, 600), max_size=120)


def check_batches(lengths: list[int], rows: int, tokens: int, padding: float) -> list[list[int]]:
    batches = length_batches(np.asarray(lengths, dtype=np.int64), rows, tokens, padding)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        inside = [lengths[row] for row in batch]
        area = max(inside) * len(inside)
        assert 1 <= len(batch) <= rows
        assert area <= tokens or len(batch) == 1
        assert area - sum(inside) <= padding * area + 1e-9
    return batches


@pytest.mark.full
@settings(max_examples=150, deadline=None)
@given(LENGTHS, st.integers(1, 40), st.integers(1, 4000), st.floats(0, 1))
@example([], 1, 1, 0.0)
@example([600, 1], 8, 10, 1.0)
def test_every_row_comes_once_and_the_bounds_hold(lengths: list[int], rows: int, tokens: int, padding: float) -> None:
    batches = check_batches(lengths, rows, tokens, padding)
    flat = [row for batch in batches for row in batch]
    assert [lengths[row] for row in flat] == sorted(lengths, reverse=True)
    # Equal lengths keep their order.
    assert flat == sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    assert batches == check_batches(lengths, rows, tokens, padding)


@settings(max_examples=60, deadline=None)
@given(LENGTHS)
def test_the_defaults_keep_their_own_bounds(lengths: list[int]) -> None:
    batches = length_batches(np.asarray(lengths, dtype=np.int64))
    assert batches == check_batches(lengths, INFERENCE_ROWS, INFERENCE_TOKENS, PADDING)


@pytest.mark.parametrize(
    ("lengths", "bounds", "batches"),
    [
        ([5, 5, 5, 5, 5], {"rows": 2}, [[0, 1], [2, 3], [4]]),
        ([5, 5, 5, 5, 5], {"tokens": 15}, [[0, 1, 2], [3, 4]]),
        ([1, 9, 3], {"padding": 1.0}, [[1, 2, 0]]),
        ([1, 9, 3], {"padding": 0.0}, [[1], [2], [0]]),
        # 10 + 9 + 8 tokens on 30: a tenth is padding.
        ([8, 10, 9], {"padding": 0.1}, [[1, 2, 0]]),
        ([8, 10, 9], {"padding": 0.099}, [[1, 2], [0]]),
        ([50, 5, 5], {"tokens": 10}, [[0], [1, 2]]),
    ],
)
def test_batches_are_as_full_as_the_bounds_allow(
    lengths: list[int], bounds: dict[str, float], batches: list[list[int]]
) -> None:
    assert length_batches(np.asarray(lengths, dtype=np.int64), **bounds) == batches  # type: ignore[arg-type]


def test_rows_are_padded_on_the_right_to_the_longest() -> None:
    batch = collate([np.asarray([4, 5, 6], np.int32), np.asarray([7], np.int32)], pad_id=9)
    assert batch["input_ids"].tolist() == [[4, 5, 6], [7, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert {str(tensor.dtype) for tensor in batch.values()} == {"torch.int64"}


def test_a_rows_own_padding_tokens_are_attended_to() -> None:
    batch = collate([np.asarray([4, 9], np.int32), np.asarray([9], np.int32)], pad_id=9)
    assert batch["attention_mask"].tolist() == [[1, 1], [1, 0]]


def test_long_packed_rows_are_filled_up_to_few_widths_and_short_ones_are_not() -> None:
    short = pack([np.ones(20, dtype=np.int32)], 9)
    assert (short["input_ids"].shape, short[SEGMENTS].filler) == ((1, 20), 0)
    texts = [np.full(length, length, dtype=np.int32) for length in (200, 130)]
    long = pack(texts, 9)
    assert long[SEGMENTS] == Segments((200, 130), 384 - 330)
    assert long["input_ids"][0].tolist() == [200] * 200 + [130] * 130 + [9] * 54


@pytest.mark.parametrize(("lengths", "rows", "tokens"), [([5, 4, 3, 2, 1], 64, 8), ([9, 9, 9], 1, 100), ([50], 4, 8)])
def test_even_batches_keep_their_bounds(lengths: list[int], rows: int, tokens: int) -> None:
    batches = even_batches(np.asarray(lengths), rows, tokens)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= rows
        assert sum(lengths[row] for row in batch) <= tokens or len(batch) == 1
