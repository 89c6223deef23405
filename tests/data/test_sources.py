"""Where data comes from: embedded, files, folders in several layouts; and the sentences when it does not."""

import contextlib
import io
import sys
import types

import pytest

from lightune.config import DataConfig
from lightune.data import load_splits
from lightune.data.layout import find_layout
from lightune.data.sources import open_source
from lightune.data.split_names import canonical_names
from lightune.errors import DataError

from .helpers import reviews, write_csv, write_jsonl, write_parquet

CARD = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': neg
          '1': pos
configs:
{configs}
---
# A data set
"""
DEFAULT = """- config_name: plain
  data_files:
  - split: train
    path: plain/train-*
  - split: test
    path:
    - plain/test-*
"""


def hub_folder(folder, configs=DEFAULT, train=(0, 1) * 20):
    (folder).mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(CARD.format(configs=configs))
    for name, start in (("train-00000-of-00002", 0), ("train-00001-of-00002", 40), ("test-00000-of-00001", 80)):
        texts = [text for text, _ in reviews(40, start=start)]
        write_parquet(folder / "plain" / f"{name}.parquet", {"text": texts, "label": list(train)})
    return folder


def test_a_hub_folder_is_read_as_its_readme_says(tmp_path):
    splits = load_splits(DataConfig(source=str(hub_folder(tmp_path))))
    assert splits.label_names == ("neg", "pos")
    assert len(splits.train) + len(splits.validation) == 80
    assert splits.test.texts == tuple(text for text, _ in reviews(40, start=80))


def test_a_readme_may_name_csv_files_and_any_split(tmp_path):
    configs = """- config_name: default
  data_files:
  - {split: train, path: "**/a*.csv"}
  - {split: test, path: b.csv}
  - {split: hard, path: [c.csv]}
"""
    (tmp_path / "README.md").write_text(CARD.format(configs=configs))
    rows = [(text, {"bad": "neg", "good": "1"}[label]) for text, label in reviews(40)]
    for name, start in (("a1", 0), ("a2", 1), ("b", 2), ("c", 3)):
        write_csv(tmp_path / f"{name}.csv", rows[start:])
    splits = load_splits(DataConfig(source=str(tmp_path)))
    assert set(splits.extra) == {"hard"}
    assert len(splits.train) + len(splits.validation) == 79
    assert splits.label_names == ("neg", "pos")
    assert splits.extra["hard"].labels.tolist() == [0] * 17 + [1] * 20


SEVERAL = """- config_name: one
  data_files: one.csv
- config_name: two
  data_files: two.csv
"""


def test_of_several_configurations_one_is_named(tmp_path):
    (tmp_path / "README.md").write_text(CARD.format(configs=SEVERAL))
    for name, labels in (("one", ("neg", "pos")), ("two", ("pos", "neg"))):
        write_csv(tmp_path / f"{name}.csv", reviews(40, labels))
    with pytest.raises(DataError, match="several configurations and no single default: 'one', 'two'"):
        load_splits(DataConfig(source=str(tmp_path)))
    with pytest.raises(DataError, match="no configuration 'three'; it has 'one', 'two'"):
        load_splits(DataConfig(source=f"{tmp_path}:three"))
    two = open_source(f"{tmp_path}:two").tables["train"]
    assert two.columns["label"][0] == "pos"
    (tmp_path / "README.md").write_text(CARD.format(configs=SEVERAL + "  default: true\n"))
    assert open_source(str(tmp_path)).tables["train"].columns["label"][0] == "pos"


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ("- config_name: x\n  data_files: ../secret.csv", r"'\.\./secret\.csv' is outside the folder"),
        ("- config_name: x\n  data_dir: ..\n  data_files: secret.csv", "is outside the folder"),
        ("- config_name: x\n  data_files: /etc/passwd.csv", "is outside the folder"),
        ("- config_name: x\n  data_files: https://example.org/a.csv", "is outside the folder"),
        ("- config_name: x\n  data_files: [{split: train}]", "should have `split` and `path`"),
        ("- config_name: x\n  data_files: nope-*.csv", "names data files, and none of them is there"),
        ("- config_name: x\n  data_files: archive.zip", r"archive\.zip: files that end in \.csv"),
        ("- [", "should be YAML"),
        ("- !!timestamp x", "should be YAML"),
    ],
)
def test_readmes_that_cannot_be_followed(tmp_path, configs, message):
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(tmp_path / "secret.csv", reviews(40))
    (folder / "archive.zip").write_bytes(b"PK")
    (folder / "README.md").write_text(CARD.format(configs=configs))
    with pytest.raises(DataError, match=message):
        load_splits(DataConfig(source=str(folder)))


LAYOUTS = [
    (["train.csv", "test.csv"], {"train": 1, "test": 1}),
    (
        ["data/train-00000-of-00002.csv", "data/train-00001-of-00002.csv", "data/test-00000-of-00001.csv"],
        {"train": 2, "test": 1},
    ),
    (["plain_text/train-00000-of-00001.csv", "plain_text/test-00000-of-00001.csv"], {"train": 1, "test": 1}),
    (["data/train-00000-of-00001-abc123.csv", "data/hard-00000-of-00001.csv"], {"train": 1, "hard": 1}),
    (["train/0000.csv", "train/0001.csv", "test/0000.csv"], {"train": 2, "test": 1}),
    (["train/data.csv", "val/data.csv", "test/data.csv"], {"train": 1, "validation": 1, "test": 1}),
    (["my-train.csv", "my-test.csv"], {"train": 1, "test": 1}),
    (["train.csv", "dev.csv"], {"train": 1, "validation": 1}),
    (["reviews.csv"], {"train": 1}),
    (["train.csv", "test.csv", ".hidden/train.csv", "__pycache__/test.csv"], {"train": 1, "test": 1}),
    (["training.csv", "testing.csv"], {"train": 1, "test": 1}),
]


@pytest.mark.parametrize(("files", "expected"), LAYOUTS)
def test_splits_are_told_by_names(tmp_path, files, expected):
    for name in files:
        write_csv(tmp_path / name, reviews(4))
    assert {split: len(paths) for split, paths in find_layout(tmp_path).files.items()} == expected


@pytest.mark.parametrize(("files", "expected"), [case for case in LAYOUTS if "my-train.csv" not in case[0]])
def test_the_hubs_own_library_sees_the_same_files(tmp_path, files, expected, monkeypatch):
    from datasets.data_files import get_data_patterns, resolve_pattern

    for name in files:
        write_csv(tmp_path / name, reviews(4))
    monkeypatch.chdir(tmp_path)
    theirs = {}
    for split, patterns in get_data_patterns(str(tmp_path)).items():
        for pattern in patterns:
            with contextlib.suppress(FileNotFoundError):  # some of a split's patterns match, not all
                theirs.setdefault(str(split), set()).update(resolve_pattern(pattern, str(tmp_path)))
    ours = {split: {str(path) for path in paths} for split, paths in find_layout(tmp_path).files.items()}
    assert ours == theirs


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a/train.csv", "a/test.csv", "b/train.csv"], "several folders .'a', 'b'., of which only one"),
        (["train.csv", "train.tsv", "test.csv"], "several files that could be the train split"),
        (["big_train.csv", "small_train.csv"], "several files that could be the train split"),
        (["one.csv", "two.csv"], "none names a split: 'one.csv', 'two.csv'"),
        (["notes.doc"], "no data files that can be read: train.csv and test.csv .*; it holds 'notes.doc'"),
        ([], "it is empty"),
    ],
)
def test_folders_that_could_mean_several_things_or_none(tmp_path, files, message):
    for name in files:
        write_csv(tmp_path / name, reviews(4))
    with pytest.raises(DataError, match=message):
        find_layout(tmp_path)


def test_what_a_folder_holds_besides_is_said(tmp_path):
    for name in ("train.csv", "train_small.csv", "test.csv", "notes.csv"):
        write_csv(tmp_path / name, reviews(40))
    notes = load_splits(DataConfig(source=str(tmp_path))).facts.notes
    assert "notes.csv names no split and was left out." in notes
    assert "'train_small.csv' left out: train.csv is the train split." in notes


def test_shards_with_other_columns_are_refused(tmp_path):
    write_csv(tmp_path / "train-0.csv", reviews(4))
    write_csv(tmp_path / "train-1.csv", reviews(4), ("text", "stars"))
    with pytest.raises(DataError, match="should have the same columns"):
        open_source(str(tmp_path))


def test_two_names_for_one_split_are_refused():
    assert canonical_names(["test", "testing"], "x") == {"test": "test", "testing": "testing"}
    with pytest.raises(DataError, match="x: 'dev', 'val' all stand for validation"):
        canonical_names(["dev", "val"], "x")


# ------------------------------------------------------------------------------------------------------ aclImdb


def acl_folder(folder):
    for split in ("train", "test"):
        for label in ("pos", "neg"):
            for n in range(12):
                path = folder / split / label / f"{n}_{n % 10}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(f"{split} {label} {n}<br />\r\n".encode())
    (folder / "train" / "unsup").mkdir()
    (folder / "train" / "unsup" / "0_0.txt").write_text("nobody knows")
    (folder / "train" / "urls_pos.txt").write_text("http://example.org")
    return folder


def test_the_raw_imdb_folder(tmp_path):
    splits = load_splits(DataConfig(source=str(acl_folder(tmp_path))))
    assert splits.label_names == ("neg", "pos")
    expected = [f"test {label} {n}<br />\r\n" for label in ("neg", "pos") for n in range(12)]  # 10 after 9
    assert list(splits.test.texts) == expected
    assert splits.test.columns["file"][1] == "test/neg/1_1.txt"
    assert len(splits.train) + len(splits.validation) == 24
    assert "train/unsup holds no labels and was left out." in splits.facts.notes


def test_a_text_file_that_is_no_utf8_is_named(tmp_path):
    (acl_folder(tmp_path) / "test" / "pos" / "3_3.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"3_3\.txt is not UTF-8"):
        load_splits(DataConfig(source=str(tmp_path)))


# ----------------------------------------------------------------------------------------------------- embedded


def test_the_embedded_reviews_come_with_the_handwritten_ones(monkeypatch, tmp_path):
    fake = types.ModuleType("generator")
    fake.generate = lambda: {
        "train": reviews(40, ("negative", "positive")),
        "test": reviews(10, ("negative", "positive"), start=70),
    }
    monkeypatch.setitem(sys.modules, "lightune.data.embedded.generator", fake)
    splits = load_splits(DataConfig(source="embedded"))
    assert splits.label_names == ("negative", "positive")
    assert splits.facts.positive_label == "positive"
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (36, 4, 10)
    assert list(splits.extra) == ["handwritten"]
    assert len(splits.extra["handwritten"]) > 100


# ------------------------------------------------------------------------------------------------------- absent


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{}/reveiws.csv", r"There is no file or folder '.*reveiws\.csv'\. Did you mean reviews\.csv\?"),
        ("./nope", r"There is no file or folder '\./nope'\. A folder, a file, a data set's name on the hub"),
        ("nope.csv", r"There is no file or folder 'nope\.csv'"),
        ("a/b/c", "There is no file or folder 'a/b/c'"),
        ("I liked this film.", "There is no file or folder 'I liked"),
        ("x" * 5_000, "^There is no file or folder 'x{200}…'[.] A folder"),
        ("nul\x00byte", "There is no file or folder"),
        ("{}/notes.txt", r"notes\.txt ends in '\.txt': a file that ends in \.csv"),
        ("{}/reviews.csv:x", "There is no file or folder"),
    ],
)
def test_what_is_not_there(tmp_path, source, message):
    write_csv(tmp_path / "reviews.csv", reviews(10))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=message):
        load_splits(DataConfig(source=source.format(tmp_path)))


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    write_jsonl(tmp_path / "t.jsonl", [{"text": text, "label": label} for text, label in reviews(40)])
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load_splits(DataConfig(source="~/t.jsonl")).test) == 8


def test_a_message_has_at_most_two_sentences_and_no_traceback(tmp_path):
    bad = io.StringIO()
    for source in ("./nope", "nope.csv", str(tmp_path)):
        with pytest.raises(DataError) as caught:
            load_splits(DataConfig(source=source))
        print(caught.value, file=bad)
    assert "Traceback" not in bad.getvalue()
    assert all(line.count(". ") <= 1 and line.endswith(".") for line in bad.getvalue().splitlines())
