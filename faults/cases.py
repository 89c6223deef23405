"""A file as people have them, odd or broken: what it holds, and what is to become of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Columns = Mapping[str, tuple[str | None, ...]]
ROWS = (("A fine film.", "good"), ("Dull, and long.", "bad"), ("I liked it.", "good"), ("No.", "bad"))
TEXTS, LABELS = tuple(text for text, _ in ROWS), tuple(label for _, label in ROWS)
PLAIN: Columns = {"text": TEXTS, "label": LABELS}
CSV = 'text,label\nA fine film.,good\n"Dull, and long.",bad\nI liked it.,good\nNo.,bad\n'
JSONL = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS)
# Of 20 MB: words of some hundred bytes, so that what counts words is not kept waiting.
HUGE = ("\u00e9" * 10 + "x" * 79 + " ") * (20 * 2**20 // 100)


@dataclass(frozen=True)
class Refused:
    """The file is refused: exit code 2 and one sentence that names it and holds all of `said`."""

    said: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A file. name: with its ending. make: puts it at a path. study: its values, or that a study refuses it; predict:
    likewise of a batch prediction, which needs no labels; None: the same."""

    name: str
    make: Callable[[Path], object]
    study: Columns | Refused
    predict: Columns | Refused | None = None

    @property
    def predicted(self) -> Columns | Refused:
        """What is to become of it in a batch prediction."""
        return self.study if self.predict is None else self.predict


def refused(*said: str) -> Refused:
    """Refused with a sentence that holds all of these."""
    return Refused(said)


def bytes_of(data: bytes | str) -> Callable[[Path], object]:
    """Write these bytes."""
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else data.encode())


def xy(*texts: str) -> Columns:
    """Columns of these texts and the labels x and y in turn."""
    return with_texts(*texts, labels=tuple("xy"[at % 2] for at in range(len(texts))))


def with_texts(*texts: str, labels: tuple[str, ...] = LABELS) -> Columns:
    """Columns of these texts and labels."""
    return {"text": texts, "label": labels}
