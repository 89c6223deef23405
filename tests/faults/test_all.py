"""The command that runs every fault: what holds and what does not comes into one table and the exit code."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from soak.table import Line

import faults
from faults import all as every


def test_each_module_that_can_run_is_one_of_them():
    modules = (importlib.import_module(f"faults.{found.name}") for found in pkgutil.iter_modules(faults.__path__))
    able = {module for module in modules if hasattr(module, "run") and hasattr(module, "main")}
    assert able == set(every.FAULTS.values())


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
def test_one_line_that_does_not_hold_fails_the_command(monkeypatch, capsys, holds, code):
    class Made:
        def __init__(self, holds):
            self.holds = holds

        def run(self, work, short=False):
            return [Line("made", "it holds", f"short: {short}", self.holds)]

    monkeypatch.setattr(every, "FAULTS", {"one": Made(True), "other": Made(holds)})
    monkeypatch.setattr("sys.argv", ["faults.all", "--short", "--only", "one,other"])
    assert every.main() == code
    assert capsys.readouterr().out.count("short: True") == 2


def test_what_breaks_off_has_not_held_and_the_others_go_on(monkeypatch, capsys):
    class Broken:
        def run(self, work, short=False):
            raise StopIteration

    class Made:
        def run(self, work, short=False):
            return [Line("made", "it holds", "it did", holds=True)]

    monkeypatch.setattr(every, "FAULTS", {"one": Broken(), "other": Made()})
    monkeypatch.setattr("sys.argv", ["faults.all", "--only", "one,other"])
    assert every.main() == 1
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["check", "one", "made"]
    assert "FAILED" in said.out.splitlines()[1]
    assert "StopIteration" in said.err


@pytest.mark.full
def test_two_at_once_come_into_one_table(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["faults.all", "--short", "--only", "neither,nor", "--at-once", "2"])
    assert every.main() == 1
    table = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in table] == ["neither", "nor"]
    assert all("KeyError" in line for line in table)
