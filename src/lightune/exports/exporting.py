"""An artefact to a folder for other programs: written, compared with the original, then named done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lightune.artifacts import whole_folder
from lightune.errors import ConfigError, RunError
from lightune.exports.adapter import check_adapter, write_adapter
from lightune.exports.card import render_card
from lightune.exports.checking import demand
from lightune.exports.merged import check_merged, write_merged
from lightune.exports.onnx import check_onnx, need_onnx, write_onnx
from lightune.exports.origin import Origin, load_origin
from lightune.exports.quantised import Measured, OnRows, measure_int8
from lightune.exports.records import (
    ADAPTER,
    EXPORT,
    EXPORT_FORMAT,
    FORMATS,
    MERGED,
    ONNX,
    ExportRecord,
    changed_files,
    digests,
    read_record,
    write_record,
)
from lightune.records import Check, StudyResult
from lightune.version import VERSION
from lightune.writer import only_writer

Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What to export and how. with_base: of an adapter, the base with it. rows: the most test rows that int8 is
    measured on; None for all."""

    folder: Path
    kind: str
    out: Path
    with_base: bool = False
    rows: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in FORMATS:
            raise ConfigError(f"--format: {', '.join(FORMATS)} are known, got {self.kind!r}.")
        if self.with_base and self.kind != ADAPTER:
            raise ConfigError(f"--with-base goes with --format adapter; the format {self.kind} needs no base.")
        if self.rows is not None and (self.kind != ONNX or self.rows < 1):
            raise ConfigError("--rows: 1 or more rows, with --format onnx, are expected.")


def export(
    order: Order, result: StudyResult | None = None, say: Say = lambda _: None, on_rows: OnRows | None = None
) -> ExportRecord:
    """Write the export, compare it with its original, and return what `export.json` says of it.

    result: of the study that the artefact belongs to, for the card. say hears what is being done. The folder is
    written whole or not at all. Raises InputError for what cannot be exported or where, RunError where the export does
    not answer as the original.
    """
    out = order.out.expanduser().resolve()
    check_place(out)
    if order.kind == ONNX:
        need_onnx()
    with _made_parents(out), _only_export(out), whole_folder(out) as scratch:
        check_place(out)  # another export may have come to its end since the first look
        say("loading the original")
        origin = load_origin(order.folder, result)
        say("writing")
        checking = _write(order, origin, scratch)
        say("comparing it with the original")
        checks = _checks(checking)
        demand(checks)
        measured = Measured(None, None)
        if order.kind == ONNX:
            say("measuring int8 on the test rows")
            measured = measure_int8(origin, scratch, order.rows, on_rows)
        arm, tried = origin.manifest.arm, (measured.quantised, measured.not_measured)
        record = ExportRecord(EXPORT_FORMAT, VERSION, order.kind, arm, tuple(checks), *tried)
        (scratch / "README.md").write_text(render_card(origin, record, order.with_base), encoding="utf-8")
        record = replace(record, files=digests(scratch))
        write_record(scratch, record)
    return record


def _write(order: Order, origin: Origin, folder: Path) -> Callable[[], list[Check]]:
    """Write what was ordered, and return what will compare it with the original."""
    if order.kind == ADAPTER:
        write_adapter(origin, folder, order.with_base)
        return lambda: check_adapter(origin, folder, order.with_base)
    if order.kind == MERGED:
        merged = write_merged(origin, folder)
        return lambda: check_merged(origin, folder, merged)
    traced = write_onnx(origin, folder)
    return lambda: check_onnx(origin, folder, traced)


def _checks(checking: Callable[[], list[Check]]) -> list[Check]:
    try:
        return checking()
    except Exception as error:  # what was just written should load: whatever a library says then is our fault
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(f"The export cannot be used once it is written, so nothing is kept: {reason}") from error


def check_place(out: Path) -> None:
    """Raise ConfigError unless `out` is free, or holds an earlier export and nothing else."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"--out {out}: a folder is expected, but it is a file.")
    if not any(out.iterdir()):
        return
    if not (out / EXPORT).is_file():
        raise ConfigError(
            f"--out {out}: a new or empty folder, or one that an earlier export wrote, is expected, but it holds "
            f"{min(path.name for path in out.iterdir())}. Name another."
        )
    odd = changed_files(out, read_record(out))
    if odd:
        raise ConfigError(
            f"--out {out}: an earlier export stands there, but {odd[0]}, so it is left alone. Move it away, or name "
            "another folder."
        )


@contextlib.contextmanager
def _only_export(out: Path) -> Iterator[None]:
    """Keep others from writing `out`, whose parents are made. Raises ConfigError where another process does."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(
        out.with_name(f".{out.name}.lock"),
        lambda who: f"--out {out}: {who} is writing it. Wait for it, or name another folder.",
        remove=True,
    ):
        yield


@contextlib.contextmanager
def _made_parents(out: Path) -> Iterator[None]:
    """Take away the folders above `out` that were made for it when it was not written."""
    absent = [parent for parent in out.parents if not parent.exists()]
    try:
        yield
    except BaseException:
        for parent in absent:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise
