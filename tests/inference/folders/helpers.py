"""Folders of rows with an id each, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from soak.batch_artefacts import make_texts

from lightune.data import Cut
from lightune.inference import FolderRequest, predict_folder

# Files of a folder: rows, and those of a row group.
FILES = {"x.parquet": (90, 40), "a=1/y.parquet": (40, 7), "a=1/none.parquet": (0, 1), "b/c/x.parquet": (1, 1)}
ROWS = sum(rows for rows, _ in FILES.values())
SCHEMA = pa.schema(
    [("id", pa.string()), ("text", pa.string()), ("kind", pa.dictionary(pa.int32(), pa.string())), ("f", pa.float32())],
    {"made": "by a test"},
)
UNIT, CUT = Cut(20, 2**20), Cut(8, 2**20)


def table(name: str, rows: int) -> pa.Table:
    columns = [
        [f"{name} {at}" for at in range(rows)],
        make_texts(rows, len(name)),
        [("one", "two", None)[at % 3] for at in range(rows)],
        [0.1 * at for at in range(rows)],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def write_folder(folder: Path, files: Mapping[str, tuple[int, int]] = FILES) -> Path:
    for name, (rows, group) in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(name, rows), folder / name, row_group_size=group)
    return folder


def request_for(folder: Path, artefact: Path, files: Mapping[str, tuple[int, int]] = FILES, **options) -> FolderRequest:
    """A request to label `folder`/in, which is written unless it is there, into `folder`/out."""
    source, target = folder / "in", folder / "out"
    if not source.exists():
        write_folder(source, files)
    return FolderRequest({"": artefact}, str(source), str(target), **{"unit": UNIT, "cut": CUT, **options})


def parts(target: Path) -> list[Path]:
    """The files of an output in the order of their names."""
    return sorted(path for path in target.rglob("*.parquet") if not path.name.startswith("."))


def parts_of(target: Path, name: str) -> list[Path]:
    """The parts of one input file, in their order."""
    stem = (target / name).with_suffix("")
    return sorted(stem.parent.glob(f"{stem.name}-[0-9]*.parquet"))


def ids(target: Path) -> list[str]:
    return sorted(one for path in parts(target) for one in pq.read_table(path).column("id").to_pylist())


def all_ids(files: Mapping[str, tuple[int, int]] = FILES) -> list[str]:
    return sorted(f"{name} {at}" for name, (rows, _) in files.items() for at in range(rows))


def content(target: Path) -> dict[str, bytes]:
    """What stands in an output, by the names in it."""
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def whole(request: FolderRequest) -> dict[str, bytes]:
    """What an uninterrupted run makes of it."""
    target = Path(request.target).with_name("whole")
    predict_folder(FolderRequest(**{**vars(request), "target": str(target)}))
    return content(target)


def success(target: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((target / "_SUCCESS").read_text())
    return found
