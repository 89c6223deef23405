"""Standard input and standard output."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lightune.data import Cut
from lightune.errors import ConfigError, DataError
from lightune.inference import PIPE, BatchRequest, Wanted, batch, load, predict_file, predict_to_pipe
from tests.inference.test_files import ROWS, read, write


@pytest.fixture
def stdin(monkeypatch):
    """Feed bytes to standard input over a real pipe, in pieces."""
    threads, opened = [], []

    def feed(*pieces: bytes):
        reading, writing = os.pipe()

        def send():
            with os.fdopen(writing, "wb", buffering=0) as sink:
                for piece in pieces:
                    sink.write(piece)

        opened.append(io.TextIOWrapper(os.fdopen(reading, "rb")))
        monkeypatch.setattr(sys, "stdin", opened[-1])
        threads.append(threading.Thread(target=send))
        threads[-1].start()

    yield feed
    for thread, end in zip(threads, opened, strict=True):
        thread.join()
        end.close()


def piped(bag, **options):
    return BatchRequest({"": bag}, PIPE, PIPE, **options)


def test_lines_are_texts_and_come_back_as_json_lines_in_order(bag, stdin, capsys):
    stdin(b"dull\r\n\ngo", b"od \xf0\x9f", b"\x98\x80\nlast")
    assert predict_to_pipe(piped(bag)) == 4
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in found] == ["dull", "", "good 😀", "last"]
    assert [row["label"] for row in found] == [one.label for one in load(bag).predict([row["text"] for row in found])]


def test_an_answer_comes_before_the_next_line_is_there(bag, monkeypatch, capfd):
    """As `tail -f` needs it: the writer waits for each answer."""
    reading, writing = os.pipe()
    answers, answered = os.pipe()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(os.fdopen(reading, "rb")))
    monkeypatch.setattr(sys, "stdout", os.fdopen(answered, "w"))
    worker = threading.Thread(target=lambda: predict_to_pipe(piped(bag)))
    worker.start()
    with os.fdopen(answers) as out, os.fdopen(writing, "wb", buffering=0) as sink:
        for text in ("dull", "good"):
            sink.write(f"{text}\n".encode())
            assert json.loads(out.readline())["text"] == text
        sink.close()
        worker.join()
        sys.stdout.close()
        sys.stdin.close()


def test_json_lines_keep_what_stands_in_them_and_names_give_way_row_by_row(bag, stdin, capsys):
    lines = ['{"x": 1e400, "text": "dull"}', '{"text": "good", "label": [1.0], "predicted_label": 2}']
    stdin("\n\n".join(lines).encode())
    assert predict_to_pipe(piped(bag, input_kind="jsonl", wanted=Wanted(probabilities=False))) == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith('{"x": 1e400, "text": "dull", "label": ')
    assert second.startswith(lines[1][:-1] + ', "predicted_predicted_label": ')


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("lines", "name", "said"),
    [
        (['{"review": "good"}', '{"text": "dull", "id": "a long one, as a text would be"}'], None, None),
        (['{"text": null}', '{"text": "good"}'], "text", None),
        (['{"text": "good"}', '{"x": "a text that is long enough"}'], None, "line 2: none of the columns"),
        (['{"x": "a text that is long enough"}', '{"text": "good"}'], None, "line 1: none of the columns"),
        (['{"text": "good"}', '{"x": "dull"}'], "text", "--text-column 'text': standard input, line 2"),
        (['{"x": "dull"}', '{"text": "good"}'], "text", "--text-column 'text': standard input, line 1"),
    ],
)
def test_each_line_alone_says_which_its_text_is(bag, monkeypatch, capsys, lines, name, said, together):
    """Whatever comes with it: else the same lines would get other answers when they come faster."""
    monkeypatch.setattr(batch.pipe, "_arriving", lambda *_: [lines] if together else [[line] for line in lines])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    request = piped(bag, input_kind="jsonl", text_column=name)
    if said is not None:
        with pytest.raises(DataError, match=said):
            predict_to_pipe(request)
        return
    assert predict_to_pipe(request) == 2
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    texts = [row.get("review", row.get("text")) or "" for row in found]
    assert [row["score"] for row in found] == [one.score for one in load(bag).predict(texts)]


def test_numbers_of_any_length_come_back(bag, stdin, capsys, tmp_path):
    """Python makes no number of more than 4,300 digits."""
    given = '{"text": "good", "label": 1' + "0" * 5000 + "}"
    stdin(given.encode())
    assert predict_to_pipe(piped(bag, input_kind="jsonl")) == 1
    assert capsys.readouterr().out.startswith(given[:-1] + ', "predicted_label": ')
    (tmp_path / "in.json").write_text(f"[{given}]")
    predict_file(BatchRequest({"": bag}, tmp_path / "in.json", tmp_path / "out.jsonl"))
    assert (tmp_path / "out.jsonl").read_text().startswith(given[:-1])


@pytest.mark.parametrize("source", ["pipe", "file"])
def test_standard_output_is_utf_8_whatever_the_locale(bag, stdin, monkeypatch, tmp_path, source):
    (tmp_path / "in.csv").write_text("text\ngrößer\n", encoding="utf-8")
    stdin("größer\n".encode())
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    assert predict_to_pipe(replace(piped(bag), source=PIPE if source == "pipe" else tmp_path / "in.csv")) == 1
    assert out.getvalue().decode().startswith('{"text": "größer", ')


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(bag, stdin, monkeypatch):
    monkeypatch.setattr(batch.pipe, "LONGEST_ROW", 1000)
    stdin(b"x" * 5000)
    with pytest.raises(DataError, match="a line does not end"):
        predict_to_pipe(piped(bag))


def test_lines_that_are_there_together_are_answered_in_windows(bag, stdin, monkeypatch, capsys):
    answered, plain = [], batch.answering.Answering.columns
    monkeypatch.setattr(
        batch.answering.Answering,
        "columns",
        lambda self, texts: (answered.append(sum(map(len, texts))), plain(self, texts))[1],
    )
    stdin(b"".join(b"%0999d\n" % at for at in range(60)))
    assert predict_to_pipe(piped(bag, cut=Cut(50, 5000))) == 60
    assert max(answered) <= 5000
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == [
        f"{at:0999}" for at in range(60)
    ]


def test_no_lines_are_no_rows(bag, stdin, capsys):
    stdin()
    assert predict_to_pipe(piped(bag)) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [(b"ok\ncaf\xe9\n", None, "standard input, line 2: byte 0xE9"), (b'{"text": "a"}\n\nno\n', "jsonl", "line 3")],
)
def test_what_is_wrong_is_named_with_its_line(bag, stdin, data, kind, said):
    stdin(data)
    with pytest.raises(DataError, match=said):
        predict_to_pipe(piped(bag, input_kind=kind))


def test_a_file_s_rows_go_to_standard_output_too(bag, tmp_path, capsys):
    given = write(tmp_path / "in.csv", ROWS)
    assert predict_to_pipe(BatchRequest({"": bag}, given, PIPE, cut=Cut(2, 99))) == len(ROWS)
    piped_out = capsys.readouterr().out
    predict_file(BatchRequest({"": bag}, given, tmp_path / "out.jsonl"))
    assert piped_out == (tmp_path / "out.jsonl").read_text(encoding="utf-8")


def test_standard_input_goes_into_a_file_and_the_same_lines_resume(bag, tmp_path, stdin):
    lines = b"".join(b"text number %d\n" % at for at in range(10))
    request = BatchRequest({"": bag}, PIPE, tmp_path / "out.csv", cut=Cut(4, 99))

    def stop(phase, done, total, facts):
        if facts.get("kept") == 4:
            raise KeyboardInterrupt

    stdin(lines)
    with pytest.raises(KeyboardInterrupt):
        predict_file(request, stop)
    kept = sorted(path.name for path in (tmp_path / "out.csv.parts").iterdir())
    assert len(kept) == 3  # the lock, the record and a part; not the lines
    stdin(b"others\n")
    with pytest.raises(ConfigError, match="the content of the input"):
        predict_file(replace(request, resume=True))
    stdin(lines)
    # as it is without that option
    assert predict_file(replace(request, resume=True, input_kind="lines")) == 10
    assert [row["text"] for row in read(tmp_path / "out.csv")] == lines.decode().splitlines()
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_empty_standard_input_is_no_file(bag, tmp_path, stdin):
    stdin(b"")
    with pytest.raises(DataError, match="standard input is empty"):
        predict_file(BatchRequest({"": bag}, PIPE, tmp_path / "out.csv"))
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_cannot_be_resumed_and_a_file_says_itself_what_it_holds(bag):
    with pytest.raises(ConfigError, match=r"--resume: .*standard output"):
        predict_to_pipe(piped(bag, resume=True))
    with pytest.raises(ConfigError, match="--input-format"):
        predict_to_pipe(BatchRequest({"": bag}, Path("in.csv"), PIPE, input_kind="jsonl"))
    with pytest.raises(ConfigError, match="--spreadsheet-safe"):
        predict_to_pipe(piped(bag, spreadsheet_safe=True))
