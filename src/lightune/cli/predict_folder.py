"""A folder of Parquet labelled, here or on a cluster, and what a terminal shows of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lightune.errors import ConfigError
from lightune.printable import without_secrets

if TYPE_CHECKING:
    from rich.console import Console

    from lightune.inference import FolderRequest
    from lightune.inference.folders.predict import Engine

LOCAL, RAY = ENGINES = ("local", "ray")


def is_folder(source: str, target: str) -> bool:
    """Whether this is a folder's prediction, as far as input and output say: one of them is a URL, the input is a
    folder or written like one, or the output of a Parquet file is one."""
    # Not Path.expanduser, which raises for a file's name like `~$reviews.csv`.
    given, written = (Path(os.path.expanduser(place)) for place in (source, target))
    if "://" in source or "://" in target or source.endswith("/") or given.is_dir():
        return True
    return given.suffix.lower() == ".parquet" and target != "-" and (written.is_dir() or not written.suffix)


def check_engine(engine: str, options: Mapping[str, object], source: str | None) -> None:
    """Raise ConfigError for an engine that is none, one without a folder, and options of a cluster without one."""
    if engine not in ENGINES:
        raise ConfigError(f"--engine {engine}: {' or '.join(ENGINES)} is expected.")
    if engine == RAY and source in (None, "-"):
        raise ConfigError("--engine ray goes with --input and --output: a folder of Parquet to read, and one to write.")
    given = [name for name, value in options.items() if value is not None]
    if engine == LOCAL and given:
        raise ConfigError(f"{given[0]} goes with --engine ray.")


def check_folder(source: str, target: str, spreadsheet_safe: bool, input_format: str | None) -> None:
    """Raise ConfigError for options that say nothing about Parquet, and an output that is no folder of it."""
    if target == "-" or Path(target).suffix.lower() in (".csv", ".tsv", ".jsonl"):
        raise ConfigError(
            f"--output {without_secrets(target)}: a folder, or its URL, is expected for --input "
            f"{without_secrets(source)}; what comes into it is Parquet."
        )
    if spreadsheet_safe:
        raise ConfigError("--spreadsheet-safe is for CSV and TSV; a folder's input and output are Parquet.")
    if input_format is not None:
        raise ConfigError("--input-format is for standard input, --input -; a folder holds Parquet.")


def label_folder(request: FolderRequest, engine: Engine | None, on_loaded: Callable[[Console], None]) -> int:
    """Label what `request` names; progress goes to standard error, a line at the end to standard output."""
    from lightune.cli.output import console, progress_console
    from lightune.cli.predict_file import View, row_bars
    from lightune.inference import predict_folder

    with row_bars(progress_console()) as bars:
        view = View(bars, on_loaded)
        counts = predict_folder(request, view, engine)
    kept = f" ({view.before:,} of them before)" if view.before else ""
    where = without_secrets(request.target)
    said = f"{counts.rows_out:,} rows labelled{kept}, {counts.parts:,} file{'s' * (counts.parts != 1)}: {where}"
    console().print(said, markup=False, soft_wrap=True)
    return 0
