"""Bad files and generated round trips, for a study and for a batch prediction: `python -m faults.inputs`."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from soak.batch_artefacts import save_bag
from soak.table import Line, say

from faults.bad_bytes import ENCODED, NO_FILE
from faults.bad_delimited import DELIMITED
from faults.bad_json import JSON
from faults.bad_parquet import PARQUET
from faults.cases import Case, Columns, Refused
from faults.command import command
from faults.round_trips import round_trips
from lightune.cli.main import main as lightune
from lightune.data.readers import read_table
from lightune.data.sources import open_source
from lightune.errors import DataError

CASES = (*ENCODED, *DELIMITED, *JSON, *NO_FILE, *PARQUET)
# Far more than any file takes; what waits for a pipe would wait for ever.
MOST_SECONDS = 60
USER_ERROR = 2


class TooLongError(Exception):
    """A file kept its reader waiting."""


def run(work: Path, short: bool = False) -> list[Line]:
    """Read every file both ways, and write and read generated tables. short: a tenth of those."""
    found = bad_files(work)
    trips = round_trips(work, 200 if short else 2_000)
    return [*found, trips]


def bad_files(work: Path) -> list[Line]:
    """Have a study and a batch prediction read every file."""
    folder = work / "files"
    folder.mkdir()
    artefact = save_bag(work / "bag")
    ways: dict[str, Callable[[Case, Path], str | None]] = {
        "study": lambda case, path: study_fault(case, path, work),
        "predict": lambda case, path: predict_fault(case, path, artefact, work),
    }
    faults: dict[str, list[str]] = {way: [] for way in ways}
    skipped = []
    for case in CASES:
        path = folder / case.name
        case.make(path)
        if "Permission denied" in said_of(case.study) and os.access(path, os.R_OK):
            skipped.append(case.name)  # root may read everything
            continue
        for way, fault_of in ways.items():
            found = guarded(lambda case=case, path=path, fault_of=fault_of: fault_of(case, path))  # type: ignore[misc]
            if found is not None:
                faults[way].append(case.name)
                say(f"{way} {case.name}: {found}")
    return [_line(way, faults[way], skipped) for way in ways]


def _line(way: str, faults: list[str], skipped: list[str]) -> Line:
    count = len(CASES) - len(skipped)
    expected = [case.study if way == "study" else case.predicted for case in CASES if case.name not in skipped]
    refusals = sum(isinstance(each, Refused) for each in expected)
    seen = f"{count} files: {count - refusals} to be read, {refusals} to be refused, {len(faults)} otherwise"
    seen += f" ({', '.join(faults)})" if faults else ""
    seen += f"; not tried, since root may read it: {', '.join(skipped)}" if skipped else ""
    return Line(f"bad files, {way}", "read exactly, or refused with file and place, exit code 2", seen, not faults)


def said_of(expected: Columns | Refused) -> tuple[str, ...]:
    """What a refusal has to say; nothing where there is none."""
    return expected.said if isinstance(expected, Refused) else ()


def guarded(look: Callable[[], str | None]) -> str | None:
    """What `look` says; that it takes too long, where it does."""

    def late(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise TooLongError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(MOST_SECONDS)
    try:
        return look()
    except TooLongError:
        return f"took more than {MOST_SECONDS} s"
    except Exception as error:  # a reader may fail in any way: that is what is looked for
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def study_fault(case: Case, path: Path, work: Path) -> str | None:
    """What is wrong with what a study makes of the file; None: nothing."""
    if isinstance(case.study, Refused):
        out = work / "study"
        words = ["study", "--data", str(path), "--model", "embedded", "--arms", "majority", "--out", str(out)]
        return _refusal_fault(case.study, path, words) or ("it left a folder" if out.exists() else None)
    try:
        (table,) = open_source(str(path)).tables.values()
    except DataError as error:
        return f"refused: {error}"
    splits = work / "splits"  # a file of four rows is too small to be cut
    splits.mkdir()
    for name in ("train", "validation", "test"):
        shutil.copy(path, splits / f"{name}{path.suffix}")
    found = _difference(case.study, dict(table.columns)) or _code_fault(["inspect", "--data", str(splits)])
    shutil.rmtree(splits)
    return found


def predict_fault(case: Case, path: Path, artefact: Path, work: Path) -> str | None:
    """What is wrong with what a batch prediction makes of the file; None: nothing."""
    target = work / "out.jsonl"
    words = ["predict", str(artefact), "--input", str(path), "--output", str(target)]
    expected = case.predicted
    if isinstance(expected, Refused):
        left = target.exists() or target.with_name("out.jsonl.parts").exists()
        return _refusal_fault(expected, path, words) or ("it left something behind" if left else None)
    failed = _code_fault(words)
    if failed is not None:
        return failed
    columns = read_table(target).columns
    target.unlink()
    if not all(columns["predicted_label" if "label" in expected else "label"]):
        return "a row has no answer"
    return _difference(expected, {name: columns[name] for name in expected})


def _difference(expected: Columns, seen: Columns) -> str | None:
    if list(expected) != list(seen):
        return f"columns {list(seen)[:5]} where {list(expected)[:5]} stand"
    for name, values in expected.items():
        if values != seen[name]:
            pairs = zip(values, seen[name], strict=False)
            at, (one, other) = next(
                (at, pair) for at, pair in enumerate((*pairs, (values, seen[name]))) if len(set(pair)) > 1
            )
            return f"column {name!r}, row {at + 1}: {str(other)[:50]!r} where {str(one)[:50]!r} stands"
    return None


def _code_fault(words: list[str]) -> str | None:
    code, said = call(words)
    return None if code == 0 else f"exit code {code}: {said[:300]}"


def _refusal_fault(expected: Refused, path: Path, words: list[str]) -> str | None:
    code, said = call(words)
    if code != USER_ERROR:
        return f"exit code {code} where {USER_ERROR} is expected: {said[:300]}"
    if "Traceback" in said or said.count("\n") != 1 or not said.startswith("lightune: "):
        return f"one sentence is expected: {said[:300]}"
    missing = [part for part in (*expected.said, path.name) if part not in said]
    return f"{missing} is not said: {said[:300]}" if missing else None


def call(words: list[str]) -> tuple[int, str]:
    """Run the command in this process: its exit code, and what it says on standard error."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()), _same_signals():
        code = lightune(words)
    return code, said.getvalue()


@contextlib.contextmanager
def _same_signals() -> Iterator[None]:
    """Put back what the command sets for signals."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "a tenth of the round trips", argv)


if __name__ == "__main__":
    sys.exit(main())
