"""Which columns are meant, and what their values become."""

import pytest

from lightune.config import DataConfig
from lightune.data import find_label_column, find_text_column, load_splits
from lightune.data.labels import label_names
from lightune.data.tables import text_table
from lightune.errors import DataError

from .helpers import reviews, write_csv, write_jsonl, write_parquet

PROSE = tuple(f"A long enough sentence about thing number {n}." for n in range(6))
SHORT = ("a", "b", "a", "b", "a", "b")
IDS = tuple(str(n) for n in range(6))


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        ({"text": SHORT, "label": SHORT}, "text", "label"),
        ({"id": IDS, "Review": PROSE, "Sentiment": SHORT}, "Review", "Sentiment"),
        ({"text": PROSE, "content": PROSE, "label": SHORT, "label_text": SHORT}, "text", "label"),
        ({"id": IDS, "what": PROSE, "kind": SHORT}, "what", "kind"),
        ({"what": PROSE, "target": IDS}, "what", "target"),
        ({"tweet": SHORT, "whatever": IDS}, "tweet", "whatever"),
    ],
)
def test_columns_are_found(columns, text, label):
    table = text_table("t.csv", columns)
    assert find_text_column(table) == text
    assert find_label_column(table, text) == label


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"one": PROSE, "two": PROSE, "label": SHORT}, "'one', 'two' could each be the texts.*--text-column"),
        ({"review": PROSE, "comment": PROSE, "label": SHORT}, "'review', 'comment' could each be"),
        ({"x": SHORT, "y": SHORT}, "none of the columns is known to hold texts; the columns are 'x', 'y'"),
        ({"text": PROSE, "x": SHORT, "y": SHORT}, "'x', 'y' could each be the labels.*--label-column"),
        ({"text": PROSE, "stars": SHORT, "sentiment": SHORT}, "'stars', 'sentiment' could each be the labels"),
        ({"premise": PROSE, "hypothesis": PROSE, "label": SHORT}, "text pairs"),
        ({"text;label": SHORT}, "one column, 'text;label': values should be separated by commas"),
    ],
)
def test_columns_that_could_be_several_or_none(columns, message):
    table = text_table("t.csv", columns)
    with pytest.raises(DataError, match=message):
        find_label_column(table, find_text_column(table))


def test_a_named_column_wins_and_a_wrong_one_lists_the_others():
    table = text_table("t.csv", {"text": PROSE, "Body": PROSE, "label": SHORT, "other": SHORT})
    assert find_text_column(table, "Body") == "Body"
    assert find_label_column(table, "Body", "other") == "other"
    with pytest.raises(
        DataError, match=r"--text-column 'body': .* has 'text', 'Body', 'label', 'other'; did you mean 'Body'"
    ):
        find_text_column(table, "body")
    with pytest.raises(DataError, match=r"--label-column 'nope': t\.csv has no such column"):
        find_label_column(table, "text", "nope")
    with pytest.raises(DataError, match="two different columns"):
        find_label_column(table, "text", "text")


def test_several_labels_a_text_are_refused(tmp_path):
    rows = [{"text": text, "labels": [1, 2]} for text in PROSE]
    with pytest.raises(DataError, match=r"'labels' holds lists .* several labels a text are not supported"):
        load_splits(DataConfig(source=str(write_jsonl(tmp_path / "t.jsonl", rows))))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["10", "9", "1"], ("1", "9", "10")),
        (["001", "1", "2"], ("001", "1", "2")),
        (["-1", "1", "0"], ("-1", "0", "1")),
        (["NA", "None", "null", "nan"], ("NA", "None", "nan", "null")),
        ([" 1", "1"], (" 1", "1")),
        (["b", "a"], ("a", "b")),
        (["1.5", "2.5"], ("1.5", "2.5")),
    ],
)
def test_labels_are_never_altered_and_sorted(tmp_path, labels, names):
    rows = reviews(len(labels) * 10, labels)
    splits = load_splits(DataConfig(source=str(write_csv(tmp_path / "t.csv", rows))))
    assert splits.label_names == names
    given = dict(rows)
    for part in (splits.train, splits.validation, splits.test):
        assert [names[label] for label in part.labels] == [given[text] for text in part.texts]


def class_label_folder(tmp_path, test_labels=(0, 1) * 5, names=("worse", "better", "never")):
    texts = [text for text, _ in reviews(40)]
    write_parquet(tmp_path / "train.parquet", {"text": texts, "label": [0, 1] * 20}, names)
    test = [text for text, _ in reviews(len(test_labels), start=100)]
    write_parquet(tmp_path / "test.parquet", {"text": test, "label": test_labels}, names)
    return DataConfig(source=str(tmp_path))


def test_class_label_ids_become_names_in_the_declared_order(tmp_path):
    splits = load_splits(class_label_folder(tmp_path))
    assert splits.label_names == ("worse", "better")
    assert splits.test.labels.tolist() == [0, 1] * 5
    assert "Labels that train never has were left out: 'never'." in splits.facts.notes


@pytest.mark.parametrize("missing", [[-1] * 10, [None] * 10])
def test_a_test_split_without_labels_is_left_out(tmp_path, missing):
    splits = load_splits(class_label_folder(tmp_path, missing))
    assert "Split test (10 rows) holds no labels and was left out." in splits.facts.notes
    assert set(splits.test.texts) <= {text for text, _ in reviews(40)}


@pytest.mark.parametrize("missing", [-1, None])
def test_single_missing_labels_are_refused_with_their_rows(tmp_path, missing):
    with pytest.raises(DataError, match=r"2 of 5 rows of test have no label: .*test\.parquet, row 2; .*row 4"):
        load_splits(class_label_folder(tmp_path, [0, missing, 1, missing, 0]))


def test_an_id_without_a_name_is_refused(tmp_path):
    with pytest.raises(DataError, match="row 3: label '7' is none of the 3"):
        load_splits(class_label_folder(tmp_path, [0, 1, 7]))


def test_an_empty_label_is_refused_with_its_line(tmp_path):
    path = write_csv(tmp_path / "t.csv", [*reviews(10), ("no label here", "")])
    with pytest.raises(DataError, match=r"1 of 11 rows of train have no label: .*t\.csv, line 12"):
        load_splits(DataConfig(source=str(path)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["good"] * 30, "at least two labels are expected in train, only 'good' is there"),
        ([f"{n}.25" for n in range(30)], "30 different labels, which looks like numbers to predict"),
        ([f"{n % 25}.5" for n in range(300)], "25 different labels"),
        ([str(n // 2) for n in range(2_004)], "1,002 different labels"),
    ],
)
def test_what_is_no_classification_is_refused(labels, message):
    with pytest.raises(DataError, match=message):
        label_names(labels, None, "t.csv")


def test_many_labels_are_fine():
    assert len(label_names([str(n % 150) for n in range(1_500)], None, "t.csv")) == 150


def test_labels_of_test_that_train_never_has_are_refused(tmp_path):
    write_csv(tmp_path / "train.csv", reviews(20))
    write_csv(tmp_path / "test.csv", [*reviews(6, start=50), ("odd one", "Good"), ("odd two", "Good")])
    with pytest.raises(DataError, match=r"Split test has labels that train never has: 'Good' \(2 rows\)"):
        load_splits(DataConfig(source=str(tmp_path)))


@pytest.mark.parametrize(
    ("labels", "asked", "expected"),
    [
        (("bad", "good"), None, "good"),
        (("bad", "good"), "bad", "bad"),
        (("a", "b", "c"), None, None),
        (("bad", "good"), "Good", "'Good' is not a label; the labels are 'bad', 'good'"),
        (("a", "b", "c"), "b", "for two labels; there are 3"),
    ],
)
def test_the_positive_label(tmp_path, labels, asked, expected):
    config = DataConfig(source=str(write_csv(tmp_path / "t.csv", reviews(30, labels))), positive_label=asked)
    if expected is None or expected in labels:
        assert load_splits(config).facts.positive_label == expected
    else:
        with pytest.raises(DataError, match=expected):
            load_splits(config)


def test_the_fingerprint_follows_the_declared_order_of_labels():
    from lightune.data.facts import fingerprint

    assert fingerprint({}, ("a", "b")) != fingerprint({}, ("b", "a"))


@pytest.mark.parametrize(
    "features", [[{"name": "label", "dtype": {"class_label": None}}], [{"dtype": {"class_label": {"names": ["a"]}}}]]
)
def test_a_declaration_of_labels_that_says_nothing_is_passed_over(features):
    from lightune.data.layout import _class_names

    assert _class_names(features) == {}
