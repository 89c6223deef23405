"""What a benchmark found, as frozen records that go to JSON and into the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SECONDS, BYTES = "seconds", "bytes"


@dataclass(frozen=True)
class Work:
    """What one turn does on each side, useful things only. rows: reviews. tokens: those that are no padding. flops: by
    common/flops.py; 0 where no model is run."""

    rows: int
    tokens: int
    flops: int = 0


@dataclass(frozen=True)
class Side:
    """One side's turns. values: seconds (or bytes) of each turn. setup_seconds: from the process's start to the end of
    its warm-up, compilation included. facts: settings and what else it said."""

    name: str
    title: str
    values: tuple[float, ...]
    setup_seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """Another side, or why there is none. bears: what it is a comparison of, where not of speed at equal terms."""

    side: Side | None
    title: str
    absent: str | None = None


@dataclass(frozen=True)
class Case:
    """One line of a benchmark: the same work done by us and by others, turn by turn.

    what: for the table. unit: of the values. peak: GFLOP/s of the matrix products measured in each turn; empty where
    the case has no work that could be compared with it. ours: None where it is not built yet, with `absent`.
    """

    benchmark: str
    what: str
    unit: str
    work: Work
    ours: Side | None
    peers: tuple[Peer, ...]
    peak: tuple[float, ...] = ()
    absent: str | None = None


@dataclass(frozen=True)
class Outcome:
    """One command's result. facts: machine, versions, options, the peak by library and shape."""

    benchmark: str
    short: bool
    cases: tuple[Case, ...]
    facts: Mapping[str, Any]
