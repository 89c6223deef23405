"""Bytes that should be UTF-8 text, looked at whole or piece by piece: what they are instead, and on which line."""

from __future__ import annotations

from lightune.errors import DataError

PARQUET_MAGIC = b"PAR1"
_MAGIC = {
    PARQUET_MAGIC: "Parquet: give it the ending .parquet",
    b"PK\x03\x04": "a zip or Excel file: unpack it, or save the sheet as CSV",
    b"\x1f\x8b": "gzip: unpack it first",
    b"BZh": "bzip2: unpack it first",
    b"\xfd7zXZ": "xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "zstd: unpack it first",
}
# Those of UTF-32 come first, since one of them begins as one of UTF-16 does.
_WIDE = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_MARK = b"\xef\xbb\xbf"
# So many bytes tell every kind of file above apart.
START = 8


class Utf8:
    """Checks a file's bytes as they come, and leaves out its byte order mark. path: what messages name."""

    def __init__(self, path: str, kind: str) -> None:
        self._path = path
        self._kind = kind
        self._begun = False
        self._half = b""
        self._lines = LineCount()

    def checked(self, data: bytes, last: bool) -> bytes:
        """Return what is whole of `data` and of what was left over before; half a character waits for its rest.

        The first piece should be of at least START bytes, if the file is. Raises DataError naming the line for what
        is no UTF-8 and for NUL, and the kind of file for what is no text at all.
        """
        if not self._begun:
            _check_start(self._path, self._kind, data)
            self._begun = True
            data = data.removeprefix(_MARK)
        data, self._half = self._half + data, b""
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            if last or error.reason != "unexpected end of data":
                raise self._error(data, error.start) from error
            data, self._half = data[: error.start], data[error.start :]
        if b"\x00" in data:
            line = self._lines.at(data[: data.index(0)])
            raise DataError(f"{self._path}, line {line}: a NUL byte stands there; text is expected.")
        self._lines.add(data)
        return data

    def _error(self, data: bytes, position: int) -> DataError:
        return DataError(
            f"{self._path}, line {self._lines.at(data[:position])}: byte 0x{data[position]:02X} is not UTF-8, perhaps "
            "Latin-1 or Windows-1252. Save the file again as UTF-8."
        )


class LineCount:
    """Counts lines that end in LF, CR or both over pieces of a file."""

    def __init__(self) -> None:
        self._breaks = 0
        self._after_cr = False

    def add(self, data: bytes) -> None:
        """Go on behind `data`."""
        if data:
            self._breaks += self._more(data)
            self._after_cr = data.endswith(b"\r")

    def at(self, data: bytes) -> int:
        """The line that what follows `data` stands on, from 1; `data` is not counted in."""
        return 1 + self._breaks + self._more(data)

    def _more(self, data: bytes) -> int:
        return line_breaks(data) - (self._after_cr and data.startswith(b"\n"))


def line_breaks(data: bytes) -> int:
    """Count line ends: LF, CR, or both together."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _check_start(path: str, kind: str, data: bytes) -> None:
    for magic, what in _MAGIC.items():
        if data.startswith(magic):
            raise DataError(f"{path} is named {kind} but holds {what}.")
    for mark, name in _WIDE.items():
        if data.startswith(mark):
            raise DataError(f"{path} is {name}, UTF-8 is expected: save it again as UTF-8.")
