"""What is known of an arm that is held in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hosted:
    """An arm that can be asked.

    name: how it is asked for; the arm's own where one study is held, else `study/arm`. study: the name of the study's
    folder, or of the artefact's own where it stands alone. kind: of the artefact, as its manifest says, or `stock`.
    base: the base model's name. temperature: what logits are divided by to be calibrated. max_length: tokens of a text
    at most; None for what reads no tokens. report: the study's page.
    """

    name: str
    study: str
    arm: str
    kind: str
    base: str | None
    labels: tuple[str, ...]
    verified: bool
    temperature: float | None
    max_length: int | None
    report: Path | None
