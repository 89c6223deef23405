"""What a text, a label or a name holds is shown by a terminal and never obeyed."""

from __future__ import annotations

import csv
import io
import json

import pytest
from rich.table import Table
from rich.text import Text

from lightune.cli import main as command
from lightune.cli import output
from lightune.cli.main import main
from tests.test_printable import obeyed

# Colours, the window's title, the clipboard, a link, the cursor, C1's own introducers, back over what stands there.
EVIL = [
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]52;c;ZXZpbA==\x1b\\",
    "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[1;1H",
    "\x9b31m",
    "\x9d0;t\x9c",
    "ok\rno\x08\x08",
    "[bold]markup[/bold] :bomb:",
]


@pytest.mark.parametrize("evil", EVIL)
def test_no_way_of_printing_lets_it_through(evil):
    shown = output.PlainConsole(file=io.StringIO(), width=60)
    table = Table(title=evil)
    table.add_column(evil)
    table.add_row(Text(evil))
    table.add_row(evil)
    for each in (evil, Text(evil), table):
        shown.print(each)
    shown.print(evil, soft_wrap=True)
    assert obeyed(shown.file.getvalue()) == []
    if ":bomb:" in evil:
        assert shown.file.getvalue().count(evil) >= 5


def test_colours_of_its_own_still_show():
    shown = output.PlainConsole(file=io.StringIO(), force_terminal=True, color_system="standard", no_color=False)
    shown.print(Text("red", "red"))
    assert "\x1b[" in shown.file.getvalue()


@pytest.fixture
def hostile_rows(tmp_path):
    """A file of rows whose name, columns, labels and texts are all hostile."""
    path = tmp_path / "\x1b[31mrows\x9b.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text\x1b[5m", "label\x9b"])
        writer.writerows([f"{EVIL[at % len(EVIL)]} number {at}", EVIL[at % 2]] for at in range(40))
    return path


def inspected(path, *words):
    return main(["inspect", "--data", str(path), "--text-column", "text\x1b[5m", "--label-column", "label\x9b", *words])


def test_a_verb_shows_hostile_rows(hostile_rows, capsys):
    assert inspected(hostile_rows) == 0
    said = capsys.readouterr()
    assert "[31mred" in said.out
    assert obeyed(said.out + said.err) == []


def test_as_json_they_are_the_same(hostile_rows, capsys):
    assert inspected(hostile_rows, "--json") == 0
    said = capsys.readouterr()
    assert obeyed(said.out + said.err) == []
    assert set(json.loads(said.out)["label_names"]) == set(EVIL[:2])


@pytest.mark.full
def test_an_error_names_them_harmlessly(hostile_rows, capsys):
    for words in (
        ["inspect", "--data", f"{hostile_rows}\x1b[2J"],
        ["inspect", "--data", str(hostile_rows), "--text-column", "\x1b[2Jno"],
        ["inspect", "--data", "embedded", "--\x1b[2J"],
        ["predict", "no\x1b[2J", "text"],
        ["predict", "no\x1b[2J", "text", "--debug"],
    ):
        assert main(words) == 2
        said = capsys.readouterr()
        assert "[2J" in said.err
        assert obeyed(said.out + said.err) == []


def test_without_the_guard_it_would_be_obeyed(hostile_rows, capsys, monkeypatch):
    monkeypatch.setattr(output, "printable", lambda text: text)
    monkeypatch.setattr(command, "printable", lambda text: text)
    assert inspected(hostile_rows) == 0
    assert main(["predict", "no\x1b[2J", "text"]) == 2
    said = capsys.readouterr()
    assert "\x1b" in obeyed(said.out)
    assert "\x1b" in obeyed(said.err)


def test_the_help_names_debug_and_it_is_taken_anywhere(capsys):
    assert main(["--help"]) == 0
    assert "--debug" in capsys.readouterr().out
    for words in (["--debug", "predict", "no", "text"], ["predict", "no", "--debug", "text"]):
        assert main(words) == 2
        assert "Traceback" in capsys.readouterr().err
