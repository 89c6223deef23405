"""What is asked of a batch prediction."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightune.data import Cut
from lightune.errors import ConfigError
from lightune.inference.files import check_target
from lightune.inference.wanted import Wanted

PIPE = Path("-")
DELIMITED = (".csv", ".tsv")


@dataclass(frozen=True)
class BatchRequest:
    """arms: an artefact's folder each, by what stands before the names of its columns. source: a CSV, TSV, JSONL or
    Parquet file, or PIPE, standard input. input_kind: what that holds, `lines` or `jsonl`. target: a file of these
    formats, or PIPE: JSON lines to standard output. A `~` stands for one's home in both. cut: how windows are cut."""

    arms: Mapping[str, Path]
    source: Path
    target: Path
    text_column: str | None = None
    input_kind: str | None = None
    wanted: Wanted = field(default_factory=Wanted)
    spreadsheet_safe: bool = False
    resume: bool = False
    cut: Cut = field(default_factory=Cut)

    def __post_init__(self) -> None:
        # Here once, for all that opens, names or writes beside them. Unlike Path.expanduser it never raises.
        for name in ("source", "target"):
            object.__setattr__(self, name, Path(os.path.expanduser(getattr(self, name))))

    @property
    def ending(self) -> str:
        """The output's, which says its format."""
        return ".jsonl" if self.target == PIPE else self.target.suffix.lower()

    @property
    def place(self) -> Path:
        """The file that is written: of a symbolic link what it points to, and the link stays."""
        return self.target.resolve() if self.target.is_symlink() else self.target

    def check(self) -> None:
        """Raise ConfigError, naming the option, for what cannot be done: before any work is."""
        if self.target != PIPE:
            check_target(self.source, self.target)
        elif self.resume:
            raise ConfigError("--resume: what was written to standard output is gone; name a file with --output.")
        if self.spreadsheet_safe and self.ending not in DELIMITED:
            raise ConfigError(
                "--spreadsheet-safe is for what a spreadsheet opens: an --output that ends in .csv or .tsv is expected."
            )
        if self.input_kind is not None and self.source != PIPE:
            raise ConfigError("--input-format is for standard input, --input -: a file's ending says what it is.")
