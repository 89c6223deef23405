"""A test as the user wrote it: checked, not yet expanded."""

from __future__ import annotations

from dataclasses import dataclass

from lightune.behaviour.templates import Fillers, Template


@dataclass(frozen=True)
class Form:
    """A template with the label it expects by itself, and, if the user wrote the pair out, its changed text."""

    template: Template
    changed: Template | None = None
    label: str | None = None


@dataclass(frozen=True)
class Change:
    """What is done to the text of an invariance or direction case; one of these is given.

    swap: a slot that gets another filler. append, prepend: templates of which one is added. alter: names of
    `ALTERATIONS`, of which one is done.
    """

    swap: str | None = None
    append: tuple[Template, ...] = ()
    prepend: tuple[Template, ...] = ()
    alter: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expectation:
    """Which label a test expects: the same for all cases, that of the filler of a slot, or the opposite of that."""

    label: str | None = None
    label_of: str | None = None
    opposite_of: str | None = None


@dataclass(frozen=True)
class Definition:
    """A test before expansion. fillers: the suite's lexicons and the test's own. most: how many cases at most."""

    capability: str
    name: str
    kind: str
    forms: tuple[Form, ...]
    fillers: Fillers
    expect: Expectation
    change: Change | None
    tolerance: float
    most: int
