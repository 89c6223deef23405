"""Files in other encodings and formats than their names say, and what is no file at all."""

from __future__ import annotations

import bz2
import gzip
import os
import zipfile
from pathlib import Path

from faults.cases import CSV, JSONL, PLAIN, Case, bytes_of, refused, xy


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside.csv", CSV)


def _unreadable(path: Path) -> None:
    path.write_text(CSV)
    path.chmod(0)


def _doubled_folder(path: Path) -> None:
    path.mkdir()
    (path / "notes.md").write_text("no data here")


ENCODED = (
    Case("bom.csv", bytes_of(b"\xef\xbb\xbf" + CSV.encode()), PLAIN),
    Case(
        "bom.tsv",
        bytes_of(b"\xef\xbb\xbftext\tlabel\na\tx\nb\ty\nc\tx\nd\ty\n"),
        xy(*"abcd"),
    ),
    Case("bom.jsonl", bytes_of(b"\xef\xbb\xbf" + JSONL.encode()), PLAIN),
    Case("utf16.csv", bytes_of(CSV.encode("utf-16")), refused("UTF-16", "UTF-8")),
    Case("utf16-be.csv", bytes_of(b"\xfe\xff" + CSV.encode("utf-16-be")), refused("UTF-16")),
    Case("utf16-no-mark.csv", bytes_of(CSV.encode("utf-16-le")), refused("line 1", "NUL")),
    Case("utf16-be-no-mark.jsonl", bytes_of(JSONL.encode("utf-16-be")), refused("line 1", "NUL")),
    Case("utf32.csv", bytes_of(CSV.encode("utf-32")), refused("UTF-32", "UTF-8")),
    Case("utf32-be.csv", bytes_of(b"\x00\x00\xfe\xff" + CSV.encode("utf-32-be")), refused("UTF-32")),
    Case("utf32-no-mark.tsv", bytes_of(CSV.encode("utf-32-le")), refused("line 1", "NUL")),
    Case("latin1.csv", bytes_of("text,label\nfine,x\nd\xe9j\xe0 vu,y\n".encode("latin-1")), refused("line 3", "0xE9")),
    Case(
        "cp1252.jsonl",
        bytes_of(b'{"text": "a", "label": "x"}\n{"text": "\x93b\x94", "label": "y"}\n'),
        refused("line 2", "0x93"),
    ),
    Case("half-a-character.csv", bytes_of(CSV.encode() + "caf\xe9".encode()[:-1]), refused("line 6", "0xC3")),
    Case("surrogate-bytes.csv", bytes_of(CSV.encode() + b"\xed\xa0\x80,good\n"), refused("line 6", "0xED")),
    Case("nul.csv", bytes_of(CSV + "a\x00b,good\n"), refused("line 6", "NUL")),
    Case("nul.jsonl", bytes_of(JSONL + '{"text": "a\x00b", "label": "good"}\n'), refused("line 5", "NUL")),
    Case(
        "decomposed.csv",
        bytes_of("text,label\ne\u0301,x\n\xe9,y\n\ufb01,x\nfi,y\n"),
        xy("e\u0301", "\xe9", "\ufb01", "fi"),
    ),
    Case(
        "two-marks.csv", bytes_of(b"\xef\xbb\xbf\xef\xbb\xbf" + CSV.encode()), refused("'\\ufefftext'", "--text-column")
    ),
)

NO_FILE = (
    Case("text.csv.gz", bytes_of(gzip.compress(CSV.encode())), refused("compressed")),
    Case("gzip.csv", bytes_of(gzip.compress(CSV.encode())), refused("gzip")),
    Case("bzip2.jsonl", bytes_of(bz2.compress(JSONL.encode())), refused("bzip2")),
    Case("zip.csv", _zipped, refused("zip")),
    Case("zstd.tsv", bytes_of(b"\x28\xb5\x2f\xfd\x04\x58" + b"\0" * 20), refused("zstd")),
    Case("no-ending", bytes_of(CSV), refused("no ending")),
    Case("workbook.xlsx", _zipped, refused("'.xlsx'")),
    Case("json-in.csv", bytes_of(JSONL), refused("json-in.csv")),
    Case("csv-in.jsonl", bytes_of(CSV), refused("line 1", "no JSON")),
    Case("page.csv", bytes_of("<!DOCTYPE html>\n<html><body>404, not found</body></html>\n"), refused("page.csv")),
    Case("loop.csv", lambda path: path.symlink_to(path.name), refused("loop.csv", "symbolic link")),
    Case("nowhere.csv", lambda path: path.symlink_to("gone"), refused("nowhere.csv")),
    Case("folder.csv", _doubled_folder, refused("folder.csv")),
    Case("pipe.csv", os.mkfifo, refused("no regular file")),
    Case("device.csv", lambda path: path.symlink_to("/dev/zero"), refused("no regular file")),
    Case("locked.csv", _unreadable, refused("Permission denied")),
    Case("linked.csv", lambda path: path.symlink_to(path.with_name("bom.csv")), PLAIN),
)
