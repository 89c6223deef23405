"""A disk that takes no more: known by whatever a library makes of it, and told with path and space."""

from __future__ import annotations

import errno
import os

import pytest

from lightune import disk
from lightune.disk import check_room, check_writable, disk_fault, told_of_the_disk
from lightune.errors import ConfigError, MachineError, RunError


class SafetensorError(Exception):
    """Named as safetensors'."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota"),
        (OSError(errno.EFBIG, "File too large"), "ulimit -f"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "No space left"),
        (Exception("No space left on device (os error 28)"), "No space left"),
        (OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space"), "No space left"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"), "takes no more"),
        (RuntimeError("basic_ios::clear: iostream error"), "takes no more"),
    ],
)
def test_a_full_disk_is_told_with_path_and_space(tmp_path, error, said):
    told = disk_fault(error, tmp_path / "study" / "runs")
    assert told is not None
    assert told.startswith(f"{tmp_path} cannot be written: ")
    assert said in told
    assert "are free on its disk" in told
    assert "same command again" in told


def test_the_folder_of_the_file_that_the_error_names_is_named(tmp_path):
    (tmp_path / "there").mkdir()
    error = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "there" / ".x.partial"))
    assert str(disk_fault(error, tmp_path)).startswith(f"{tmp_path / 'there'} cannot be written: ")


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "No such file"), ValueError("28"), RuntimeError("no"), OSError("odd")]
)
def test_other_errors_are_not_a_disk_s(tmp_path, error):
    assert disk_fault(error, tmp_path) is None
    with pytest.raises(type(error)), told_of_the_disk(tmp_path):
        raise error


def test_an_error_of_a_disk_becomes_a_sentence_and_ours_stay_what_they_are(tmp_path):
    with pytest.raises(MachineError, match="No space left"), told_of_the_disk(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(RunError), told_of_the_disk(tmp_path):
        raise RunError("(os error 28)")


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    check_writable("--out", tmp_path / "a" / "b")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EROFS, ConfigError), (errno.EACCES, ConfigError), (errno.ENOSPC, MachineError)]
)
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch, number, kind):
    def refusing(**_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk.tempfile, "TemporaryFile", refusing)
    with pytest.raises(kind, match=rf"{tmp_path}.*{os.strerror(number)}"):
        check_writable("--out", tmp_path / "a")


def test_room_that_is_not_there_is_refused_with_the_figures(tmp_path):
    check_room("--out", tmp_path, 1, "texts")
    with pytest.raises(MachineError, match=r"at least 1,000,000,000\.0 GB are needed there \(texts\), and .* are free"):
        check_room("--out", tmp_path / "new", 10**18, "texts")
