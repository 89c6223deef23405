"""Whatever is wrong with the input: code 2, one sentence that says what, no traceback, nothing written."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fixtures.models import save_classifier
from tests.fixtures.reviews import make_reviews, write_csv
from tests.study.shared import unchanged, write_reviews

GOOD = make_reviews(30)


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_gpt2, finished):
    """A folder with data of all kinds; `{name}` in a command below is `place/name`."""
    root = tmp_path_factory.mktemp("inputs")
    write_reviews(root / "fine", 30, 10)
    write_csv(root / "one_label.csv", [(text, "good") for text, _ in GOOD])
    write_csv(root / "header.csv", [])
    write_csv(root / "no_text.csv", [("", label) for _, label in GOOD])
    write_csv(root / "no_label.csv", [*GOOD, ("A text that nobody has labelled yet.", "")])
    write_reviews(root / "new_label", 30, 10)
    write_csv(root / "new_label" / "test.csv", [("It is neither.", "middling"), *GOOD])
    rows = "".join(f"{text!r},{label}\n" for text, label in GOOD[:4]).replace("'", "")
    (root / "latin.csv").write_bytes(("text,label\n" + rows + "Das Ende ist schön.,good\n").encode("latin-1"))
    (root / "ragged.csv").write_text("text,label\na,good\nb,bad,extra\n")
    (root / "empty").mkdir()
    (root / "strangers").mkdir()
    (root / "strangers" / "thesis.txt").write_text("mine")
    (root / "a_file").write_text("mine")
    save_classifier(root / "regression", ("only",))
    config = root / "regression" / "config.json"
    config.write_text(config.read_text().replace('"architectures"', '"problem_type": "regression",\n  "architectures"'))
    return root


STUDY = [
    ("--data {fine} --text-column body", "'body'"),
    ("--data {fine} --label-column verdict", "'verdict'"),
    ("--data {fine} --split-column part", "--split-column"),
    ("--data {absent}.csv", "absent.csv"),
    ("--data {empty}", "empty"),
    ("--data nobody/no-such-data", "nobody/no-such-data"),
    ("--data {one_label}.csv", "only 'good'"),
    ("--data {new_label}", "'middling'"),
    ("--data {header}.csv", "no rows"),
    ("--data {no_text}.csv", "no text"),
    ("--data {no_label}.csv", "line 32"),
    ("--data {latin}.csv", "line 6"),
    ("--data {ragged}.csv", "line 3"),
    ("--data {fine} --positive-label great", "'great'"),
    ("--data {fine} --train-size 1000", "--train-size"),
    ("--data {fine} --model ./nowhere", "./nowhere"),
    ("--data {fine} --model nobody/no-such-model", "nobody/no-such-model"),
    ("--data {fine} --model {a_file}", "is a file"),
    ("--data {fine} --model {empty}", "config.json"),
    ("--data {fine} --model {regression}", "regression"),
    ("--data {fine} --arms pretrained,lara", "probe, lora, full"),
    ("--data {fine} --arms lora,lora", "each arm once"),
    ("--data {fine} --arms ''", "at least one arm"),
    ("--data {fine} --target-modules no_such", "c_attn"),
    ("--data {fine} --max-length 100000", "at most 64"),
    ("--data {fine} --seeds 0 --rank 0", "--rank"),
    ("--data {fine} --seeds many", "--seeds"),
    ("--data {fine} --epochs", "--epochs"),
    ("--data {fine} --learning-rate -1", "--learning-rate"),
    ("--data {fine} --dropout 1", "--dropout"),
    ("--data {fine} --truncate middle", "head+tail"),
    ("--data {fine} --select-by luck", "macro_f1"),
    ("--data {fine} --no-such-option", "--no-such-option"),
]
INSPECT = [
    ("inspect", "--data"),
    ("inspect --data {absent}.csv", "absent.csv"),
    ("inspect --data {latin}.csv", "line 6"),
    ("inspect --data {one_label}.csv", "only 'good'"),
    ("inspect --data {fine} --model ./nowhere", "./nowhere"),
    ("inspect --data {fine} --truncate middle", "--truncate"),
]
PREDICT = [
    ("predict", "DIR"),
    ("predict {absent} text", "does not exist"),
    ("predict {a_file} text", "it is a file"),
    ("predict {empty} text", "neither"),
    ("predict {study}", "At least one text"),
    ("predict {study} text --arm dora", "lora, pretrained"),
    ("predict {study}/arms/lora text --arm pretrained", "single arm"),
    ("predict {study} --input {fine}/test.csv", "go together"),
    ("predict {study} --output {out}.csv", "go together"),
    ("predict {study} text --input {fine}/test.csv --output {out}.csv", "not both"),
    ("predict {study} --input {absent}.csv --output {out}.csv", "absent.csv"),
    ("predict {study} --input {latin}.csv --output {out}.csv", "line 6"),
    ("predict {study} --input {fine}/test.csv --output {fine}/test.csv", "overwritten"),
    ("predict {study} --input {fine}/test.csv --output {absent}/out.csv", "does not exist"),
    ("predict {study} --input {fine}/test.csv --output {out}.doc", ".jsonl"),
    ("predict {study} --input {fine}/test.csv --output {out}.csv --text-column body", "'body'"),
    ("predict {study} text --arm lora,dora", "lora, pretrained"),
    ("predict {study} text --arm lora,lora", "more than once"),
    ("predict {study} text --top-k 9", "--top-k 9: lora has 2 labels"),
    ("predict {study} text --abstain-below 2", "--abstain-below"),
    ("predict {study} text --resume", "--resume goes with --input"),
    ("predict {study} text --spreadsheet-safe", "--spreadsheet-safe goes with --input"),
    ("predict {study} --input {fine}/test.csv --output {out}.csv --json", "--json is for texts"),
    ("predict {study} --input {fine}/test.csv --output {out}.jsonl --spreadsheet-safe", ".csv or .tsv"),
    ("predict {study} --input {fine}/test.csv --output {out}.csv --input-format jsonl", "--input -"),
    ("predict {study} --input - --input-format csv --output {out}.csv", "lines or jsonl"),
    ("predict {study} --input {fine}/test.csv --output - --resume", "standard output"),
    ("predict {study} --input {fine} --output {out}", ".parquet files is expected, but it holds"),
    ("predict {study} --input {fine} --output {out}.csv", "what comes into it is Parquet"),
    ("predict {study} --input {fine} --output -", "what comes into it is Parquet"),
    ("predict {study} --input {fine} --output {out} --spreadsheet-safe", "CSV and TSV"),
    ("predict {study} --input s3://bucket/in --output {out}", "s3fs"),
    ("predict {study} --input {fine}/test.csv --output s3://bucket/out", "s3fs"),
    ("predict {study} --input {fine}/test.csv --output {out} --engine dask", "local or ray"),
    ("predict {study} --input {fine}/test.csv --output {out} --workers 2", "--workers goes with --engine ray"),
    ("predict {study} --input - --output {out} --engine ray", "--engine ray goes with"),
    ("predict {study} text --engine ray", "--engine ray goes with"),
    ("predict {study} --input {fine} --output {out} --engine ray --workers 0", "--workers 0"),
    ("predict {study} --input {fine} --output {out} --engine ray --address 127.0.0.1:1", "no cluster can be reached"),
    ("predict {study} --input {fine} --output {out} --engine ray --address nowhere", "HOST:PORT"),
    ("report {absent}", "results.json"),
    ("report {empty}", "results.json"),
    ("report", "DIR"),
    ("no-such-verb", "no-such-verb"),
    ("--no-such-option", "--no-such-option"),
]


def _fill(words: str, place, study) -> str:
    for name in ("study", *{part.split("}")[0] for part in words.split("{")[1:]}):
        words = words.replace(f"{{{name}}}", str(study if name == "study" else place / name))
    return words


def _assert_one_sentence(said, expected: str) -> None:
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("lightune: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert expected in said.err


@pytest.mark.parametrize(("words", "said"), STUDY, ids=[words for words, _ in STUDY])
def test_a_study_that_cannot_be_is_refused(command, place, finished, tiny_gpt2, tmp_path, words, said):
    words = _fill(words, place, finished.folder)
    if "--model" not in words:
        words += f" --model {tiny_gpt2}"
    out = tmp_path / "out"
    with unchanged(place):
        _assert_one_sentence(command(f"study --out {out} {words}"), said)
    assert not out.exists()


@pytest.mark.parametrize(("words", "said"), INSPECT + PREDICT, ids=[words for words, _ in INSPECT + PREDICT])
def test_another_verb_that_cannot_be_done_is_refused(command, place, finished, words, said):
    with unchanged(place), unchanged(finished.folder):
        _assert_one_sentence(command(_fill(words, place, finished.folder)), said)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("{study}", "another study"),
        ("{strangers}", "thesis.txt"),
        ("{a_file}", "is a file"),
        ("{a_file}/out", "is a file"),
    ],
)
def test_a_folder_that_is_not_this_study_s_is_refused(command, place, finished, tiny_gpt2, out, said):
    words = f"study --model {tiny_gpt2} --data {place / 'fine'} --out {_fill(out, place, finished.folder)}"
    with unchanged(place), unchanged(finished.folder):
        _assert_one_sentence(command(words), said)


def test_a_study_without_a_folder_for_it_is_refused(command, place):
    _assert_one_sentence(command(f"study --data {place / 'fine'}"), "--out")


def test_a_traceback_is_shown_when_asked_for_and_the_code_stays(command, place):
    said = command(f"inspect --data {place / 'absent.csv'} --debug")
    assert said.code == 2
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("lightune: ")


def test_wrong_data_is_refused_before_torch_is_loaded(place):
    words = ["study", "--data", str(place / "absent.csv"), "--model", "embedded", "--out", str(place / "out")]
    code = "import sys; from lightune.cli.main import main; print(main(sys.argv[1:]), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]
