"""Which rows a turn reads, and how many useful tokens they have."""

import numpy as np
import pytest
from benchmarks.common.flops import Shape
from benchmarks.common.rows import Reviews, counted, grouped_steps, padded_tokens, representative
from benchmarks.common.splitting import estimated_bytes, fitting_batch

from tests.fixtures.models import byte_tokenizer


def reviews(count: int, seed: int = 0) -> Reviews:
    """Texts told apart by their number, with lengths as skewed as real ones."""
    lengths = np.random.default_rng(seed).lognormal(5.4, 0.7, count).astype(int) + 1
    return Reviews(
        tuple(f"text {at}" for at in range(count)), tuple(at % 2 for at in range(count)), tuple(lengths.tolist())
    )


def test_useful_tokens_leave_padding_and_what_was_cut_out():
    held = counted(Reviews(("", "a b", "the music is lovely " * 30), (0, 1, 0)), byte_tokenizer())
    assert held.tokens[0] == 0
    assert held.lengths(64) == [1, held.tokens[1], 64]
    assert padded_tokens(held.lengths(64), 3) == 3 * 64
    assert padded_tokens(held.lengths(64), 2) == 2 * held.tokens[1] + 64
    assert padded_tokens(held.lengths(64), 1, to=64) == 3 * 64


def test_tokens_that_were_not_counted_are_no_tokens():
    with pytest.raises(ValueError, match="have not been counted"):
        Reviews(("a",), (0,)).lengths(8)


@pytest.mark.parametrize("count", [16, 64])
def test_a_few_representative_rows_have_the_mean_length_of_all(count):
    pool = reviews(4000)
    few = representative(pool, count, seed=1)
    assert len(set(few.texts)) == count
    assert np.mean(few.lengths(512)) == pytest.approx(np.mean(pool.lengths(512)), rel=0.05)
    assert list(few.tokens) != sorted(few.tokens)


def test_grouped_steps_are_stocks_own_and_hold_hardly_any_padding():
    pool = reviews(4000)
    rows = grouped_steps(pool, steps=6, step_rows=16, seed=0)
    lengths = rows.lengths(512)
    assert len(set(rows.texts)) == 6 * 16
    assert padded_tokens(lengths, 16) / sum(lengths) < 1.08
    assert padded_tokens(representative(pool, 96, 0).lengths(512), 16) / sum(lengths) > 1.5
    assert np.mean(lengths) == pytest.approx(np.mean(pool.lengths(512)), rel=0.15)


def test_stock_takes_as_many_rows_at_once_as_fit():
    gpt2 = Shape(768, 12, 3072)
    # 6.9 GB and 5.4 GB, as measured.
    assert estimated_bytes(gpt2, 16, 512) == pytest.approx(12.3e9, rel=0.02)
    assert fitting_batch(gpt2, 512, 16, memory=24 * 2**30) == 16
    assert fitting_batch(gpt2, 1024, 16, memory=24 * 2**30) == 4
    assert fitting_batch(gpt2, 1024, 16, memory=2**40) == 16
    assert fitting_batch(gpt2, 1024, 16, memory=0) == 1
