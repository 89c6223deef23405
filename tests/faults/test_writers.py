"""Races for one folder, in a short form; and that they speak where nothing keeps the others out."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from faults import writers
from lightune.writer import WriterLock, only_writer

pytestmark = pytest.mark.full


def test_one_of_many_processes_writes(tmp_path):
    for line in writers.run(tmp_path, short=True):
        assert line.holds, line


def test_without_the_lock_several_would_write(tmp_path, monkeypatch):
    monkeypatch.setattr(WriterLock, "take", lambda self: self._tell())
    found = writers.race(lambda: only_writer(tmp_path / ".lock", str))
    assert found.winners == writers.RACERS


def test_a_lock_that_outlives_its_holder_is_seen(tmp_path):
    @contextmanager
    def by_a_file_alone():
        try:
            (tmp_path / "mine").touch(exist_ok=False)
        except FileExistsError as error:
            raise writers.ConfigError("Somebody writes.") from error
        yield
        (tmp_path / "mine").unlink()

    found = writers.race(by_a_file_alone)
    assert (found.winners, found.named, found.freed) == (1, 0, False)
