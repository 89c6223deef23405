"""The same two arms stand out in every picture: the verdict's subject and its rival."""

from __future__ import annotations

from dataclasses import dataclass

from lightune.records import StudyResult
from lightune.report.svg import ACCENT, MUTED, OTHER


@dataclass(frozen=True)
class Cast:
    """Who the verdict is about. Both None where there is none: then no arm stands out."""

    subject: str | None = None
    rival: str | None = None

    def colour(self, arm: str) -> str:
        """A stand-in colour of `svg`."""
        if arm == self.subject or self.subject is None:
            return ACCENT
        return OTHER if arm == self.rival else MUTED

    def marker(self, arm: str) -> str:
        """A shape, for those who see no colours: a dot, a diamond for the rival, a square for the others."""
        if arm == self.subject or self.subject is None:
            return "o"
        return "D" if arm == self.rival else "s"


def cast_of(result: StudyResult) -> Cast:
    """The two arms of the study's verdict."""
    return Cast(result.verdict.subject, result.verdict.rival)
