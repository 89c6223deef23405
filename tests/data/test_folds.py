"""Folds: each row tested once, labels and sizes even, seeded, groups whole."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from lightune.data import fold_of, row_ids
from lightune.errors import DataError
from lightune.records import Rows


def make_rows(labels):
    texts = tuple(f"text {n}" for n in range(len(labels)))
    return Rows(texts, np.asarray(labels, dtype=np.int64), row_ids(texts))


UNEVEN = make_rows([0] * 181 + [1] * 95 + [2] * 7)


def spread(fold, labels, folds):
    table = np.zeros((folds, labels.max() + 1), dtype=int)
    np.add.at(table, (fold, labels), 1)
    return table


@given(
    counts=st.lists(st.integers(2, 30), min_size=1, max_size=6),
    folds=st.integers(2, 10),
    repeat=st.integers(0, 3),
    seed=st.integers(0, 3),
)
@settings(max_examples=50, deadline=None)
def test_sizes_and_labels_differ_by_one_row_at_most(counts, folds, repeat, seed):
    rows = make_rows(np.repeat(np.arange(len(counts)), counts))
    if folds > len(rows):
        return
    fold = fold_of(rows, folds, repeat, seed)
    assert fold.dtype == np.int64
    assert fold.shape == (len(rows),)
    table = spread(fold, rows.labels, folds)
    assert (np.ptp(table, axis=0) <= 1).all()
    assert np.ptp(table.sum(axis=1)) <= 1
    assert ((table > 0).sum(axis=0) >= 2).all()


def test_a_rows_fold_follows_seed_and_repeat_and_not_the_source_order():
    order = np.random.default_rng(0).permutation(len(UNEVEN))
    fold = fold_of(UNEVEN, 5, repeat=0, seed=1)
    assert (fold_of(UNEVEN.take(order), 5, repeat=0, seed=1) == fold[order]).all()
    for repeat, seed in ((1, 1), (0, 2)):
        same = (fold_of(UNEVEN, 5, repeat, seed) == fold).mean()
        assert 0.1 < same < 0.3  # a fifth by chance


def test_folds_are_the_same_on_every_machine_and_with_every_version():
    assert fold_of(make_rows([0, 1] * 6), 3, repeat=0, seed=0).tolist() == [0, 2, 1, 2, 2, 0, 2, 0, 1, 1, 0, 1]


def test_a_label_with_fewer_rows_than_folds_is_spread_over_as_many_as_it_has():
    rows = make_rows([0] * 40 + [1] * 3)
    fold = fold_of(rows, 10, 0, 0)
    assert len(set(fold[rows.labels == 1].tolist())) == 3


@pytest.mark.full
@given(
    groups=st.lists(st.sampled_from([*"abcdefghijklmnop", ""]), min_size=40, max_size=150),
    folds=st.integers(2, 5),
    seed=st.integers(0, 3),
)
@settings(max_examples=50, deadline=None)
def test_no_group_stands_in_two_folds(groups, folds, seed):
    rows = make_rows([n % 2 for n in range(len(groups))])
    try:
        fold = fold_of(rows, folds, 0, seed, groups)
    except DataError as error:
        assert "in one fold alone" in str(error) or "groups" in str(error)  # noqa: PT017
        return
    for group in set(groups) - {""}:
        assert len({int(place) for place, name in zip(fold, groups, strict=True) if name == group}) == 1
    assert set(fold.tolist()) == set(range(folds))


def test_groups_of_one_row_are_spread_nearly_as_evenly_as_rows():
    fold = fold_of(UNEVEN, 5, 0, 0, [f"g{n}" for n in range(len(UNEVEN))])
    table = spread(fold, UNEVEN.labels, 5)
    assert (np.ptp(table, axis=0) <= 3).all()
    assert np.ptp(table.sum(axis=1)) <= 3


def test_groups_are_spread_as_well_as_scikit_learn_does():
    """Groups of 1 to 30 rows with labels of their own mixture: distance of the folds' label counts from even ones."""
    mine, theirs = 0.0, 0.0
    for seed in range(5):
        generator = np.random.default_rng(seed)
        group_of = np.repeat(np.arange(60), generator.integers(1, 30, size=60))
        chance = generator.beta(1, 2, size=60)[group_of]
        rows = make_rows((generator.random(len(group_of)) < chance).astype(int))
        even = np.bincount(rows.labels) / 5
        fold = fold_of(rows, 5, 0, seed, [f"g{group}" for group in group_of])
        mine += float(np.abs(spread(fold, rows.labels, 5) / even - 1).mean())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            splits = StratifiedGroupKFold(5).split(np.zeros(len(rows)), rows.labels, group_of)
            for _, test in splits:
                theirs += float(np.abs(np.bincount(rows.labels[test], minlength=2) / even - 1).mean() / 5)
    assert mine <= 1.5 * theirs + 0.05


def test_a_groups_fold_does_not_depend_on_its_name_or_the_order():
    groups = [f"g{n % 40}" for n in range(len(UNEVEN))]
    fold = fold_of(UNEVEN, 4, 0, 0, groups)
    assert (fold_of(UNEVEN, 4, 0, 0, [name[::-1] + "x" for name in groups]) == fold).all()
    order = np.random.default_rng(0).permutation(len(UNEVEN))
    assert (fold_of(UNEVEN.take(order), 4, 0, 0, [groups[n] for n in order]) == fold[order]).all()
    assert (fold_of(UNEVEN, 4, 1, 0, groups) != fold).any()


@pytest.mark.parametrize("folds", [-1, 0, 1, 11])
def test_a_number_of_folds_that_cannot_be(folds):
    with pytest.raises(DataError, match=f"2 to 10 folds are expected, as there are 10 rows, got {folds}"):
        fold_of(make_rows([0, 1] * 5), folds, 0, 0)


def test_more_folds_than_groups():
    with pytest.raises(DataError, match="2 to 3 folds are expected, as there are 3 groups, got 4"):
        fold_of(make_rows([0, 1] * 6), 4, 0, 0, list("abc") * 4)


def test_a_label_that_could_not_be_learned_where_it_is_tested():
    rows = make_rows([0] * 5 + [1] + [2] * 5 + [3])
    with pytest.raises(DataError, match=r"Labels with one row: number 2 of 4, number 4 of 4\. Add rows"):
        fold_of(rows, 3, 0, 0)
    with pytest.raises(DataError, match=r"Labels with one row: good, odd\. Add rows"):
        fold_of(rows, 3, 0, 0, label_names=["bad", "good", "so-so", "odd"])
    grouped = make_rows([0] * 8 + [1] * 4)
    with pytest.raises(DataError, match=r"rows in one fold alone, since groups stay whole: good\."):
        fold_of(grouped, 2, 0, 0, ["a", "b"] * 4 + ["c"] * 4, label_names=["bad", "good"])
