"""A file of unlabelled texts: every row and value kept, the most telling row first, whole or not at all."""

from __future__ import annotations

from typing import TextIO

import numpy as np
import pytest

from lightune.errors import ConfigError, DataError
from lightune.evaluation import rank_unlabelled
from lightune.inference import files, label_next
from tests.inference.test_files import ROWS, SUFFIXES, read, write

ADDED = ["predicted_label", "probability", "uncertainty", "typicality", "novelty", "priority"]


class Doubtful:
    """Stands in for a classifier: sure of texts that hold "dull" or "brilliant", in doubt of all others."""

    label_names = ("bad", "good")

    def probabilities(self, texts, on_rows=None):
        sure = {"dull": 0.02, "brilliant": 0.97}
        good = [next((value for word, value in sure.items() if word in text), 0.45) for text in texts]
        if on_rows is not None:
            on_rows(len(texts))
        return np.array([[1 - value, value] for value in good])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_are_written_in_the_order_of_the_ranking_with_every_value_as_it_was(tmp_path, suffix):
    given = write(tmp_path / f"in{suffix}", ROWS)
    assert label_next(Doubtful(), given, tmp_path / f"out{suffix}", None) == len(ROWS)
    found = read(tmp_path / f"out{suffix}")
    texts = [row["text"] for row in ROWS]
    ranked = rank_unlabelled(texts, Doubtful().probabilities(texts))
    assert list(found[0]) == ["rank", *ROWS[0], *ADDED]
    assert [{name: row[name] for name in ROWS[0]} for row in found] == [ROWS[one.index] for one in ranked]
    assert [int(row["rank"]) for row in found] == [1, 2, 3, 4, 5]
    assert [float(row["priority"]) for row in found] == pytest.approx([one.score for one in ranked])
    assert [float(row["novelty"]) for row in found] == pytest.approx([one.novelty for one in ranked])
    by_id = {row["id"]: row for row in found}
    assert by_id["-0"]["predicted_label"] == "good"
    assert float(by_id["-0"]["probability"]) == pytest.approx(0.97)
    assert by_id["1e5"]["rank"] in ("5", 5)  # the second "the plot is dull"
    assert {row["id"] for row in found[:2]} == {"1", "1.0"}


def test_a_real_classifier_ranks_and_says_how_far_it_is(finished, tmp_path):
    import lightune

    told = []
    given = write(tmp_path / "in.csv", ROWS)
    label_next(lightune.load(finished.folder), given, tmp_path / "out.csv", "text", lambda *at: told.append(at))
    assert sorted(row["id"] for row in read(tmp_path / "out.csv")) == sorted(row["id"] for row in ROWS)
    assert told[-1] == (len(ROWS), len(ROWS))


def test_columns_that_the_file_has_already_are_kept_beside_ours(tmp_path):
    rows = [{"text": "one", "rank": "mine", "novelty": "7"}, {"text": "two dull ones", "rank": "", "novelty": "8"}]
    label_next(Doubtful(), write(tmp_path / "in.csv", rows), tmp_path / "out.csv", "text")
    found = read(tmp_path / "out.csv")
    assert [{name: row[name] for name in rows[0]} for row in found] == rows
    assert [row["predicted_rank"] for row in found] == ["1", "2"]
    assert float(found[0]["predicted_novelty"]) == 1


def test_a_missing_text_counts_as_an_empty_one_and_stays_missing(tmp_path):
    rows = [{"text": None, "id": "a"}, {"text": "a joy", "id": "b"}]
    label_next(Doubtful(), write(tmp_path / "in.parquet", rows), tmp_path / "out.parquet")
    found = read(tmp_path / "out.parquet")
    assert [(row["id"], row["text"]) for row in found] == [("b", "a joy"), ("a", None)]


@pytest.mark.parametrize(
    ("source", "target", "column", "error", "said"),
    [
        ("in.csv", "in.csv", None, ConfigError, "--label-next .*another file than the input"),
        ("in.csv", "out.xlsx", None, ConfigError, r"--label-next .*ends in \.csv"),
        ("absent.csv", "out.csv", None, DataError, r"absent\.csv"),
        ("in.csv", "out.csv", "nope", DataError, "'nope'"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work_and_writes_nothing(tmp_path, source, target, column, error, said):
    write(tmp_path / "in.csv", ROWS)
    before = (tmp_path / "in.csv").read_bytes()
    with pytest.raises(error, match=said):
        label_next(None, tmp_path / source, tmp_path / target, column)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    assert (tmp_path / "in.csv").read_bytes() == before


def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    given = write(tmp_path / "in.csv", ROWS)
    (tmp_path / "out.csv").write_text("old")

    def broken(handle: TextIO, *_) -> None:
        handle.write("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_rows", broken)
    with pytest.raises(DataError, match="No space left"):
        label_next(Doubtful(), given, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]
