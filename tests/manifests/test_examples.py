"""examples/cluster holds what its README's commands make."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lightune.cli.main import main

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "cluster"
COMMANDS = [
    shlex.split(line)[1:]
    for line in (FOLDER / "README.md").read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    if line.startswith("lightune render study.yaml ")
]


def test_every_file_has_its_command():
    made = {words[words.index("--output") + 1] for words in COMMANDS}
    assert len(made) == len(COMMANDS) == 4
    assert {path.name for path in FOLDER.iterdir()} == {*made, "README.md", "study.yaml"}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[-1])
def test_its_command_makes_the_file(words, capsys, monkeypatch):
    monkeypatch.chdir(FOLDER)
    at = words.index("--output")
    assert main(words[:at] + words[at + 2 :]) == 0
    assert capsys.readouterr().out == (FOLDER / words[at + 1]).read_text(encoding="utf-8")
