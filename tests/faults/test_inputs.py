"""The files and the generated tables in short; and that a reader which waits or alters a value is found out."""

import os
import unicodedata
from dataclasses import replace

import pytest
from faults.cases import PLAIN, Case, refused

from faults import inputs, round_trips
from lightune.data import readers

pytestmark = pytest.mark.full


def test_every_file_is_read_exactly_or_refused(tmp_path):
    found = inputs.run(tmp_path, short=True)
    assert [line.seen for line in found if not line.holds] == []
    assert len(inputs.CASES) >= 60
    assert len({case.name for case in inputs.CASES}) == len(inputs.CASES)


def test_a_reader_that_waits_for_a_pipe_is_found_out(tmp_path, monkeypatch):
    case = next(case for case in inputs.CASES if case.name == "pipe.csv")
    path = tmp_path / case.name
    os.mkfifo(path)
    assert inputs.study_fault(case, path, tmp_path) is None
    monkeypatch.setattr(readers, "file_size", lambda path, name: 0)
    monkeypatch.setattr(inputs, "MOST_SECONDS", 1)
    assert "TooLongError" in inputs.guarded(lambda: inputs.study_fault(case, path, tmp_path))


def test_an_altered_value_and_another_refusal_than_expected_are_found_out(tmp_path, monkeypatch):
    case = Case("plain.csv", lambda path: path.write_text("text,label\nA fine film.,good\n"), PLAIN)
    path = tmp_path / case.name
    case.make(path)
    assert "where" in inputs.study_fault(case, path, tmp_path)
    other = replace(case, study=refused("no such thing"))
    assert "['no such thing'] is not said" in inputs.study_fault(other, path, tmp_path)
    for answer in ((0, ""), (1, "lightune: no such thing in plain.csv\n")):
        monkeypatch.setattr(inputs, "call", lambda words, answer=answer: answer)
        assert "exit code" in inputs.study_fault(other, path, tmp_path)
    for said in ("lightune: no such thing in plain.csv\nand more\n", "Traceback: no such thing in plain.csv\n"):
        monkeypatch.setattr(inputs, "call", lambda words, said=said: (2, said))
        assert "one sentence" in inputs.study_fault(other, path, tmp_path)


def test_a_reader_that_normalises_is_found_out(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    rows = [("e\u0301", "x")]
    assert round_trips.fault_of(path, rows) is None
    plain = round_trips.read_table

    def normalising(path):
        table = plain(path)
        columns = {
            name: tuple(unicodedata.normalize("NFC", value) for value in values)
            for name, values in table.columns.items()
        }
        return replace(table, columns=columns)

    monkeypatch.setattr(round_trips, "read_table", normalising)
    assert "was read as" in round_trips.fault_of(path, rows)
