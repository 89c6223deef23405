"""Row ids, rows to disk and back, and the audit."""

import dataclasses
import hashlib
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lightune.data
from lightune.config import DataConfig
from lightune.data import audit, load_rows, row_ids, save_rows
from lightune.data.splits import prepare, split
from lightune.errors import DataError
from lightune.records import Rows, to_json

from .helpers import reviews, write_csv


def test_row_ids_hash_the_text_and_count_occurrences():
    first = hashlib.sha256("é".encode()).hexdigest()[:16]
    empty = hashlib.sha256(b"").hexdigest()[:16]
    assert row_ids(["é", "", "é"]) == (f"{first}-0", f"{empty}-0", f"{first}-1")
    assert row_ids(["\ud800"])[0].endswith("-0")


@pytest.mark.full
@given(
    texts=st.lists(st.text(st.characters(codec=None), max_size=15), max_size=6),
    labels=st.lists(st.integers(-1, 5), min_size=6, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_rows_come_back_exactly(tmp_path_factory, texts, labels):
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    ids = np.array(labels[: len(texts)], dtype=np.int64)
    rows = Rows(tuple(texts), ids, row_ids(texts), {"label": tuple(reversed(texts)), "": ("",) * len(texts)})
    save_rows(rows, path)
    again = load_rows(path)
    assert again.texts == rows.texts
    assert again.row_ids == rows.row_ids
    assert dict(again.columns) == dict(rows.columns)
    assert again.labels.dtype == np.int64
    assert np.array_equal(again.labels, rows.labels)


@pytest.mark.parametrize("content", [None, b"nothing of the kind"])
def test_a_file_that_holds_no_rows_is_refused(tmp_path, content):
    path = tmp_path / "rows.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="does not hold rows that lightune wrote"):
        load_rows(path)


@pytest.fixture
def folder(tmp_path):
    write_csv(
        tmp_path / "train.csv", [*reviews(40), ("", "bad"), ("Review 0: the grand film number 0 of the year", "good")]
    )
    write_csv(tmp_path / "test.csv", [*reviews(8, start=60), reviews(40)[3]])
    return DataConfig(source=str(tmp_path), train_size=20)


def test_an_audit_counts_what_the_source_holds(folder):
    seen = audit(folder)
    train, test = seen.splits["train"], seen.splits["test"]
    assert (train.rows, train.empty_texts, train.duplicate_texts, train.conflicting_texts) == (42, 1, 1, 1)
    assert train.labels == {"bad": 21, "good": 21}
    assert (test.rows, test.train_overlap, train.train_overlap) == (9, 1, 0)
    lengths = sorted(len(text) for text in [*(text for text, _ in reviews(40)), "", reviews(40)[0][0]])
    assert train.characters.max == lengths[-1]
    assert train.characters.mean == pytest.approx(sum(lengths) / 42)
    assert train.words.median == 10
    assert train.tokens is None
    assert train.cut_rows is None
    assert seen.used == {"train": 20, "validation": 4, "test": 9}
    assert any("Train is a stratified draw of 20 of 38 rows" in note for note in seen.notes)
    assert json.loads(json.dumps(to_json(seen)))["splits"]["train"]["rows"] == 42


def test_an_audit_with_a_tokenizer_counts_tokens_and_cuts(folder):
    seen = audit(folder, count_tokens=lambda texts: [len(text.split()) for text in texts], max_length=9)
    assert seen.splits["train"].tokens == seen.splits["train"].words
    assert seen.splits["train"].cut_rows == 41
    assert audit(folder, count_tokens=lambda texts: [1] * len(texts)).splits["train"].cut_rows is None


def test_everything_public_is_there_and_documented():
    for name in lightune.data.__all__:
        assert getattr(lightune.data, name).__doc__


@pytest.mark.full
def test_no_model_library_comes_in():
    code = "import sys, lightune.data; print({'torch', 'transformers', 'peft', 'datasets'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --------------------------------------------------------------------------------------------------------- IMDb


@pytest.fixture(scope="module")
def imdb(shared: Path):
    config = DataConfig(source=str(shared / "data" / "imdb"))
    return config, prepare(config)


@pytest.mark.full
def test_imdb(imdb):
    config, pool = imdb
    splits = split(pool, config)
    facts = splits.facts
    assert facts.label_names == ("neg", "pos")
    assert facts.positive_label == "pos"
    assert facts.train_test_overlap == 123
    assert len({*splits.train.texts, *splits.validation.texts}) == 24_904
    assert {name: counted.rows for name, counted in facts.splits.items()} == {
        "train": 23_000,
        "validation": 2_000,
        "test": 25_000,
    }
    assert facts.splits["train"].labels == {"neg": 11_500, "pos": 11_500}
    assert facts.splits["test"].labels == {"neg": 12_500, "pos": 12_500}
    assert "Split unsupervised (50,000 rows) holds no labels and was left out." in facts.notes


@pytest.mark.full
def test_imdb_subsets(imdb):
    config, pool = imdb
    splits = split(pool, dataclasses.replace(config, train_size=2_000, test_size=1_000))
    for rows, size in ((splits.train, 2_000), (splits.test, 1_000), (splits.validation, 400)):
        assert np.bincount(rows.labels).tolist() == [size // 2, size // 2]
    # IMDb is ordered by label and then by file: a draw takes no run of neighbours.
    places = {row_id: place for place, row_id in enumerate(pool.splits["train"].row_ids)}
    drawn = [places[row_id] for row_id in splits.train.row_ids]
    assert 100 < sum(b - a == 1 for a, b in itertools.pairwise(drawn)) < 250
