"""From files to train, validation and test: which come from where, and that it stays so."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lightune.config import DataConfig
from lightune.data import load_splits, row_ids
from lightune.errors import DataError

from .helpers import reviews, write_csv, write_parquet


@pytest.fixture
def one_file(tmp_path):
    return DataConfig(source=str(write_csv(tmp_path / "reviews.csv", reviews(200))))


@pytest.fixture
def two_files(tmp_path):
    write_csv(tmp_path / "two" / "train.csv", reviews(200))
    write_csv(tmp_path / "two" / "test.csv", reviews(60, start=500))
    return DataConfig(source=str(tmp_path / "two"))


def label_counts(rows):
    return np.bincount(rows.labels).tolist()


def test_one_file_is_cut_in_three(one_file):
    splits = load_splits(one_file)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (144, 16, 40)
    assert label_counts(splits.test) == [20, 20]
    assert label_counts(splits.validation) == [8, 8]
    everything = [*splits.train.texts, *splits.validation.texts, *splits.test.texts]
    assert sorted(everything) == sorted(text for text, _ in reviews(200))
    assert splits.facts.splits["train"].rows == 144
    assert any(note.startswith("No test split: 40 of the 200 rows") for note in splits.facts.notes)


def test_validation_comes_from_train_and_test_stays_whole(two_files):
    splits = load_splits(two_files)
    assert set(splits.validation.texts) <= {text for text, _ in reviews(200)}
    assert splits.test.texts == tuple(text for text, _ in reviews(60, start=500))
    assert len(splits.validation) == 20
    assert splits.facts.notes == (
        "No validation split: 20 of the 200 rows of train were cut for it, stratified by label.",
    )


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "Dev"])
def test_a_validation_file_is_used_as_it_is(two_files, name):
    folder = two_files.source
    write_csv(Path(folder) / f"{name}.csv", reviews(30, start=900))
    splits = load_splits(two_files)
    assert splits.validation.texts == tuple(text for text, _ in reviews(30, start=900))
    assert len(splits.train) == 200


def test_validation_serves_as_test_where_there_is_none(tmp_path):
    write_csv(tmp_path / "train.tsv", reviews(100))
    write_csv(tmp_path / "dev.tsv", reviews(20, start=300))
    splits = load_splits(DataConfig(source=str(tmp_path)))
    assert splits.test.texts == tuple(text for text, _ in reviews(20, start=300))
    assert not set(splits.validation.texts) & set(splits.test.texts)
    assert "No labelled test split: the validation split serves as test." in splits.facts.notes


def test_sizes_are_exact_stratified_and_shuffled(two_files):
    config = dataclasses.replace(two_files, train_size=51, validation_size=11, test_size=20)
    splits = load_splits(config)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (51, 11, 20)
    assert sorted(label_counts(splits.train)) == [25, 26]
    assert label_counts(splits.test) == [10, 10]
    first_rows = {text for text, _ in reviews(51)}
    assert not set(splits.train.texts) <= first_rows


def test_validation_does_not_depend_on_the_train_size_and_train_is_nested(two_files):
    small, large, whole = (load_splits(dataclasses.replace(two_files, train_size=size)) for size in (20, 90, None))
    assert small.validation.row_ids == large.validation.row_ids == whole.validation.row_ids
    assert set(small.train.row_ids) < set(large.train.row_ids) < set(whole.train.row_ids)


def test_the_same_configuration_gives_the_same_splits(two_files):
    config = dataclasses.replace(two_files, train_size=40, test_size=30)
    first, again = load_splits(config), load_splits(config)
    assert first.train.row_ids == again.train.row_ids
    assert first.facts == again.facts
    other = load_splits(dataclasses.replace(config, seed=1))
    assert other.train.row_ids != first.train.row_ids
    assert other.facts.fingerprint != first.facts.fingerprint


def test_the_fingerprint_follows_labels(tmp_path):
    rows = reviews(40)
    prints = []
    for name, swapped in (("a", rows), ("b", [(text, {"bad": "good", "good": "bad"}[label]) for text, label in rows])):
        write_csv(tmp_path / name / "train.csv", rows)
        write_csv(tmp_path / name / "test.csv", swapped)
        prints.append(load_splits(DataConfig(source=str(tmp_path / name))).facts.fingerprint)
    assert prints[0] != prints[1]


def test_the_format_does_not_matter(tmp_path):
    rows = reviews(60)
    write_csv(tmp_path / "t.csv", rows)
    write_parquet(tmp_path / "t.parquet", {"text": [t for t, _ in rows], "label": [label for _, label in rows]})
    prints = {load_splits(DataConfig(source=str(tmp_path / name))).facts.fingerprint for name in ("t.csv", "t.parquet")}
    assert len(prints) == 1


def test_row_ids_are_those_of_the_whole_split(tmp_path):
    rows = [(text, label) for text, label in reviews(20) for _ in range(3)]
    splits = load_splits(DataConfig(source=str(write_csv(tmp_path / "t.csv", rows)), train_size=10))
    whole = set(row_ids(text for text, _ in rows))
    ids = [*splits.train.row_ids, *splits.validation.row_ids, *splits.test.row_ids]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= whole
    assert {row_id[-2:] for row_id in ids} == {"-0", "-1", "-2"}


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train_size": 500}, "--train-size 500: train has 180 rows"),
        ({"test_size": 61}, "--test-size 61: test has 60 rows"),
        ({"validation_size": 199}, "--validation-size 199: at most 198 of 200 rows"),
    ],
)
def test_sizes_that_are_not_there_are_refused_with_both_numbers(two_files, sizes, message):
    with pytest.raises(DataError, match=message):
        load_splits(dataclasses.replace(two_files, **sizes))


def test_a_test_size_of_one_file_is_cut(one_file):
    splits = load_splits(dataclasses.replace(one_file, test_size=70))
    assert len(splits.test) == 70
    assert len(splits.train) + len(splits.validation) == 130
    with pytest.raises(DataError, match="--test-size 199: at most 198 of 200 rows can be cut for test"):
        load_splits(dataclasses.replace(one_file, test_size=199))


def test_too_few_rows_to_cut(tmp_path):
    with pytest.raises(DataError, match="rows are too few to cut a"):
        load_splits(DataConfig(source=str(write_csv(tmp_path / "t.csv", reviews(2)))))
    assert len(load_splits(DataConfig(source=str(write_csv(tmp_path / "t.csv", reviews(10))))).train) >= 4


def split_file(tmp_path, names):
    rows = [(text, label, names[n % len(names)]) for n, (text, label) in enumerate(reviews(60))]
    return DataConfig(source=str(write_csv(tmp_path / "t.csv", rows, ("text", "label", "part"))), split_column="part")


def test_a_split_column_assigns_the_rows(tmp_path):
    splits = load_splits(split_file(tmp_path, ["train", "train", "Test", "dev", "hard"]))
    assert (len(splits.train), len(splits.test), len(splits.validation)) == (24, 12, 12)
    assert set(splits.extra) == {"hard"}
    assert list(splits.evaluated()) == ["test", "hard"]
    assert set(splits.test.columns["part"]) == {"Test"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b"], "no labelled train split, only 'a', 'b'"),
        (["train", ""], r"t\.csv, line 3: no split in column 'part'"),
        (["train", "val", "dev"], "'val', 'dev' all stand for validation"),
    ],
)
def test_split_columns_that_make_no_sense(tmp_path, names, message):
    with pytest.raises(DataError, match=message):
        load_splits(split_file(tmp_path, names))


def test_a_split_column_is_for_one_file(two_files):
    with pytest.raises(DataError, match="--split-column 'nope'"):
        load_splits(dataclasses.replace(two_files, split_column="nope"))
    with pytest.raises(DataError, match=r"for data in one file; .* has the splits 'train', 'test' already"):
        load_splits(dataclasses.replace(two_files, split_column="label", text_column="text", label_column="label"))


def test_groups_stay_together_through_all_cuts(tmp_path):
    rows = [(text, label, f"author {n % 25}") for n, (text, label) in enumerate(reviews(300))]
    path = write_csv(tmp_path / "t.csv", rows, ("text", "label", "author"))
    splits = load_splits(DataConfig(source=str(path), group_column="author"))
    authors = [set(part.columns["author"]) for part in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, authors)) == len(set.union(*authors)) == 25
    assert 40 <= len(splits.test) <= 80
    exact = load_splits(DataConfig(source=str(path), group_column="author", test_size=50, validation_size=30))
    assert (len(exact.test), len(exact.validation)) == (50, 30)
    assert not set(exact.train.columns["author"]) & set(exact.test.columns["author"])


def test_shared_groups_of_given_splits_are_said(tmp_path):
    for name in ("train", "test"):
        rows = [(text, label, f"author {n % 10}") for n, (text, label) in enumerate(reviews(100, start=len(name)))]
        write_csv(tmp_path / f"{name}.csv", rows, ("text", "label", "author"))
    notes = load_splits(DataConfig(source=str(tmp_path), group_column="author")).facts.notes
    assert any("groups of 'author' stand in train and in test" in note for note in notes)


def test_empty_texts_are_kept_and_counted(tmp_path):
    rows = [*reviews(40), *[("", "bad"), ("  ", "good")] * 5]
    facts = load_splits(DataConfig(source=str(write_csv(tmp_path / "t.csv", rows)))).facts
    assert sum(split.empty_texts for split in facts.splits.values()) == 10
    assert sum(split.rows for split in facts.splits.values()) == 50


def test_no_text_at_all_is_refused(tmp_path):
    path = write_csv(tmp_path / "t.csv", [(" ", label) for _, label in reviews(40)])
    with pytest.raises(DataError, match="has no text: column 'text' is empty in every row"):
        load_splits(DataConfig(source=str(path)))


def test_facts_count_duplicates_and_overlap(tmp_path):
    write_csv(tmp_path / "train.csv", [*reviews(40), *reviews(40)[:3]])
    write_csv(tmp_path / "test.csv", [*reviews(10, start=100), *reviews(40)[:2], *reviews(40)[:1]])
    facts = load_splits(DataConfig(source=str(tmp_path))).facts
    assert facts.train_test_overlap == 3
    assert facts.splits["test"].duplicate_texts == 1
    assert facts.splits["test"].labels == {"bad": 8, "good": 5}


def test_nothing_is_written_beside_the_data(tmp_path, two_files):
    before = sorted(path for path in tmp_path.rglob("*"))
    load_splits(two_files)
    assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../../out", "2020/01", ".hidden", "x" * 300, "a\\b"])
def test_a_split_whose_name_can_be_no_file_s_is_refused(tmp_path, name):
    rows = [(*row, split) for row, split in zip(reviews(30), ["train", "test", name] * 10, strict=True)]
    source = write_csv(tmp_path / "t.csv", rows, ("text", "label", "part"))
    with pytest.raises(DataError, match=r"its name becomes a file's: at most 64 characters"):
        load_splits(DataConfig(str(source), split_column="part"))
