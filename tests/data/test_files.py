"""What is no file is refused at once, for a study and for a batch prediction alike."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lightune.data import Cut, readers
from lightune.data.files import file_size
from lightune.data.readers import read_table
from lightune.data.row_sources import open_rows
from lightune.data.sources import open_source
from lightune.errors import DataError


@pytest.mark.parametrize("read", [read_table, open_rows])
def test_pipes_devices_folders_and_loops_are_refused_without_being_opened(tmp_path: Path, read) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "nowhere.csv").symlink_to("gone")
    for name, said in {
        "pipe": "is no regular file",
        "device": "is no regular file",
        "loop": "is a symbolic link that leads to itself",
        "folder": "it is a folder",
        "nowhere": "There is no file",
    }.items():
        with pytest.raises(DataError, match=said) as refused:
            read(tmp_path / f"{name}.csv")
        assert f"{name}.csv" in str(refused.value)


def test_a_folder_s_texts_are_looked_at_too(tmp_path: Path) -> None:
    for label in ("pos", "neg"):
        (tmp_path / "train" / label).mkdir(parents=True)
        (tmp_path / "train" / label / "1.txt").write_text("a")
    os.mkfifo(tmp_path / "train" / "pos" / "2.txt")
    with pytest.raises(DataError, match=r"2\.txt is no regular file"):
        open_source(str(tmp_path))


def test_links_that_lead_nowhere_are_called_so(tmp_path: Path) -> None:
    for name in ("loop.csv", "linked"):
        (tmp_path / name).symlink_to(name)
        with pytest.raises(DataError, match="is a symbolic link that leads nowhere, or to itself"):
            open_source(str(tmp_path / name))


def test_a_device_has_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard: without it what is no file is opened and read."""
    opened: list[Path] = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or b"text,label\na,x\n")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    with pytest.raises(DataError):
        read_table(tmp_path / "device.csv")
    assert opened == []
    monkeypatch.setattr(readers, "file_size", lambda path, name: 0)
    read_table(tmp_path / "device.csv")
    assert opened == [tmp_path / "device.csv"]


def test_a_name_that_is_no_name_and_the_size_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="null"):
        file_size(Path("a\0b"), "a\0b")
    (tmp_path / "a").write_bytes(b"abc")
    assert file_size(tmp_path / "a", "a") == 3


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be", "utf-16", "utf-16-le", "utf-16-be"])
def test_wide_encodings_are_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes("\ufefftext,label\na,x\n".removeprefix("" if encoding[-3] == "-" else "\ufeff").encode(encoding))
    with pytest.raises(DataError, match=f"is {encoding[:6].upper()}, UTF-8 is expected"):
        read_table(path)


def test_arrow_s_reasons_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["a"] * 50, "label": ["x"] * 50}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:8] + b"\xff" * 40 + whole[48:])
    for read in (read_table, lambda it: list(open_rows(it).windows(Cut()))):
        with pytest.raises(DataError, match=r"in\.parquet cannot be read as Parquet: .+") as refused:
            read(path)
        assert str(refused.value).isprintable()


def test_harm_that_a_page_s_checksum_tells_of_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table({"text": ["a fine film", "dull"], "label": ["x", "y"]})
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes().replace(b"a fine film", b"a fire film"))
    # Without the check other words are read.
    assert "a fire film" in pq.read_table(path).column("text").to_pylist()
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_table(path)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        list(open_rows(path).windows(Cut()))
