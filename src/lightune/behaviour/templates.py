"""Texts with slots, and the fillers that go into them.

A slot is `{film}`; `{film:2}` is another filler of the same kind, and `{film.plural}` one of a filler's forms. Wherever
`{film}` and its forms stand in a template, and in what is added to it, they stand for the same filler.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SLOT = re.compile(r"\{(\w+)(?::(\w+))?(?:\.(\w+))?\}")
# The key under which a filler without forms has its text.
PLAIN = ""


@dataclass(frozen=True)
class Filler:
    """What goes into a slot. forms: form -> text, one form named "" where it has no others. label: that it stands for,
    None where it stands for none."""

    forms: Mapping[str, str]
    label: str | None = None

    @property
    def text(self) -> str:
        """Return the first form: what the filler is called by."""
        return next(iter(self.forms.values()))


Fillers = Mapping[str, tuple[Filler, ...]]


@dataclass(frozen=True)
class Slot:
    """A slot: which fillers, which of several of the same kind, which form."""

    name: str
    number: str
    form: str

    @property
    def key(self) -> tuple[str, str]:
        """Return what two slots that take the same filler share."""
        return self.name, self.number


@dataclass(frozen=True)
class Template:
    """A template in parts: texts and slots in turn."""

    source: str
    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Return the slots, in order."""
        return tuple(part for part in self.parts if isinstance(part, Slot))

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return which fillers the template needs, each once, in order."""
        return tuple(dict.fromkeys(slot.key for slot in self.slots))

    def fill(self, chosen: Mapping[tuple[str, str], Filler]) -> str:
        """Return the text with these fillers, one for each slot's key."""
        return "".join(chosen[part.key].forms[part.form] if isinstance(part, Slot) else part for part in self.parts)


def parse(source: str) -> Template:
    """Take a template apart. Raises ValueError with a sentence where a brace belongs to no slot."""
    parts: list[str | Slot] = []
    end = 0
    for match in _SLOT.finditer(source):
        parts += [source[end : match.start()], Slot(match[1], match[2] or "", match[3] or PLAIN)]
        end = match.end()
    parts.append(source[end:])
    for part in parts:
        if isinstance(part, str) and ("{" in part or "}" in part):
            raise ValueError("a brace that belongs to no slot")
    return Template(source, tuple(part for part in parts if part != ""))


def swapped(template: Template, name: str) -> Template:
    """Return the template with another filler in each slot called `name`."""
    parts = tuple(
        Slot(name, f"{part.number} swapped", part.form) if isinstance(part, Slot) and part.name == name else part
        for part in template.parts
    )
    return Template(template.source, parts)


def joined(templates: Sequence[Template]) -> Template:
    """Return the templates one after the other, a space between them."""
    parts = tuple(part for template in templates for part in (" ", *template.parts))
    return Template(" ".join(template.source for template in templates), parts[1:])
