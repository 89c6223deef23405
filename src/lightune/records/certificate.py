"""Certificates: what was checked of a saved artefact on real rows, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "not applicable"


@dataclass(frozen=True)
class Check:
    """One line of a certificate.

    name: short, for tables. compared: what was set beside what, in words. outcome: `pass`, `fail` or `not applicable`.
    difference: the largest absolute one, in logits unless `compared` says otherwise; None where nothing is measured.
    tolerance: the most that passes. reason: why it failed or does not apply.
    """

    name: str
    compared: str
    outcome: str
    difference: float | None = None
    tolerance: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Observed:
    """What was seen of a model's tensors while it was trained, to the bit: how many of the head, of what else was meant
    to change (an adapter, or all of the model), and of the frozen rest there are, and how many of each changed."""

    head: int
    head_changed: int
    adapter: int
    adapter_changed: int
    frozen: int
    frozen_changed: int


@dataclass(frozen=True)
class Certificate:
    """What `certificate.json` holds.

    arm, kind: as in the artefact's manifest. artifact: SHA-256 by file of what was checked. rows: how many texts it was
    checked on; row_ids: those of them that come from the data (the empty text does not). cut_rows: how many were longer
    than the model's limit. stock_route: as its arm gave it.
    """

    format: int
    lightune: str
    arm: str
    kind: str
    precision: str
    rows: int
    cut_rows: int
    row_ids: tuple[str, ...]
    checks: tuple[Check, ...]
    artifact: Mapping[str, str] = field(default_factory=dict)
    stock_route: str | None = None

    @property
    def passed(self) -> bool:
        """Whether no line failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The lines that failed."""
        return tuple(check for check in self.checks if check.outcome == FAIL)

    def count(self, outcome: str) -> int:
        """How many lines have this outcome."""
        return sum(check.outcome == outcome for check in self.checks)


@dataclass(frozen=True)
class CertifiedLine:
    """A line of the certificates, by its name, over all arms that have it.

    compared: as in Check, each wording once. tolerances: those that hold, rising. largest: the largest difference that
    was measured, and the arm that has it; both None where nothing was.
    """

    name: str
    compared: tuple[str, ...]
    tolerances: tuple[float, ...]
    largest: float | None
    largest_arm: str | None


@dataclass(frozen=True)
class Inapplicable:
    """A line that does not apply to these arms, and why; "" where no reason was recorded."""

    check: str
    reason: str
    arms: tuple[str, ...]
