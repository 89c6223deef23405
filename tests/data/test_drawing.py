"""Draws and cuts: sizes exact, labels in proportion, nested, seeded, groups whole."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightune.data import draw, row_ids
from lightune.data.drawing import CutSize, cut
from lightune.errors import DataError
from lightune.records import Rows


def make_rows(labels):
    texts = tuple(f"text {n}" for n in range(len(labels)))
    return Rows(
        texts, np.asarray(labels, dtype=np.int64), row_ids(texts), {"place": tuple(map(str, range(len(labels))))}
    )


UNEVEN = make_rows([0] * 900 + [1] * 95 + [2] * 5)


@pytest.mark.parametrize("size", [0, 1, 3, 10, 99, 200, 1_000])
def test_a_draw_has_the_size_the_proportions_and_the_order(size):
    drawn = draw(UNEVEN, size, seed=3)
    assert len(drawn) == size
    places = [int(place) for place in drawn.columns["place"]]
    assert places == sorted(set(places))
    counts = np.bincount(drawn.labels, minlength=3)
    assert (abs(counts - size * np.array([0.9, 0.095, 0.005])) <= 1).all() or size < 10
    assert size < 3 or counts.min() >= 1


@pytest.mark.full
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=60), seed=st.integers(0, 5), data=st.data())
@settings(max_examples=100, deadline=None)
def test_draws_are_nested(labels, seed, data):
    rows = make_rows(labels)
    large = data.draw(st.integers(0, len(rows)))
    small = data.draw(st.integers(0, large))
    assert set(draw(rows, small, seed).row_ids) <= set(draw(rows, large, seed).row_ids)


def test_a_draw_follows_the_seed_and_not_the_source_order():
    backwards = UNEVEN.take(range(len(UNEVEN) - 1, -1, -1))
    assert set(draw(UNEVEN, 100, 1).row_ids) == set(draw(backwards, 100, 1).row_ids)
    assert draw(UNEVEN, 100, 1).row_ids != draw(UNEVEN, 100, 2).row_ids
    # A wide gap to what the first rows would be, and no run of neighbours.
    places = np.array([int(place) for place in draw(UNEVEN, 100, 1).columns["place"]])
    assert places.max() > 900
    assert len(places[places < 900]) == 90
    assert places[places < 900].max() > 800


def test_a_draw_larger_than_the_rows_is_refused():
    with pytest.raises(DataError, match="1,001 rows were asked for, there are 1,000"):
        draw(UNEVEN, 1_001, 0)


@pytest.mark.parametrize(
    ("size", "taken"),
    [
        (CutSize(None, 0.1, 2_000, 2, "--x"), 100),
        (CutSize(None, 0.1, 50, 2, "--x"), 50),
        (CutSize(None, 0.001, None, 2, "--x"), 6),
        (CutSize(37, 0.1, 20, 2, "--x"), 37),
    ],
)
def test_a_cut_parts_the_rows(size, taken):
    rest, part = cut(UNEVEN, size, 0, "validation")
    assert len(part) == taken
    assert sorted([*rest.row_ids, *part.row_ids]) == sorted(UNEVEN.row_ids)
    assert np.bincount(part.labels, minlength=3).min() >= 2
    assert np.bincount(rest.labels, minlength=3).min() >= 1


def test_a_label_with_one_row_stays_in_train():
    rest, part = cut(make_rows([0] * 10 + [1]), CutSize(9, 0.1, None, 2, "--x"), 0, "test")
    assert 1 in rest.labels
    assert 1 not in part.labels


def test_cuts_that_cannot_be_made():
    with pytest.raises(DataError, match="2 rows are too few to cut a test split from"):
        cut(make_rows([0, 1]), CutSize(None, 0.2, None, 1, "--x"), 0, "test")
    with pytest.raises(DataError, match="--test-size 9: at most 8 of 10 rows can be cut"):
        cut(make_rows([0, 1] * 5), CutSize(9, 0.2, None, 1, "--test-size"), 0, "test")


@pytest.mark.full
@given(
    groups=st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", ""]), min_size=30, max_size=120),
    seed=st.integers(0, 3),
    asked=st.none() | st.integers(1, 10),
)
@settings(max_examples=100, deadline=None)
def test_no_group_stands_on_both_sides(groups, seed, asked):
    rows = make_rows([n % 2 for n in range(len(groups))])
    group_of = dict(zip(rows.row_ids, groups, strict=True))
    try:
        rest, part = cut(rows, CutSize(asked, 0.2, None, 1, "--x"), seed, "test", groups)
    except DataError as error:
        assert "without splitting a group" in str(error)  # noqa: PT017
        return
    left, taken = ({group_of[row] for row in side.row_ids} - {""} for side in (rest, part))
    assert not left & taken
    assert len(set(rest.labels.tolist())) == 2
    assert not set(rest.row_ids) & set(part.row_ids)
    assert asked is None or len(part) == asked
    assert part.row_ids


def test_a_group_cut_keeps_to_size_and_proportions():
    labels = [0] * 700 + [1] * 300
    groups = [f"g{n % 100}" for n in range(1_000)]
    rest, part = cut(make_rows(labels), CutSize(None, 0.2, None, 1, "--x"), 0, "test", groups)
    assert len(part) == 200
    assert Counter(part.labels.tolist()) == {0: 140, 1: 60}
    assert len(rest) == 800


def test_one_group_alone_cannot_be_cut():
    with pytest.raises(DataError, match="cannot be cut without splitting a group: 1 groups hold 20 rows"):
        cut(make_rows([0, 1] * 10), CutSize(None, 0.2, None, 1, "--x"), 0, "test", ["g"] * 20)
