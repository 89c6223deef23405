"""What a suite of behaviour checks holds once its templates have become cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MINIMUM_FUNCTIONALITY = "minimum functionality"
INVARIANCE = "invariance"
DIRECTION = "direction"
KINDS = (MINIMUM_FUNCTIONALITY, INVARIANCE, DIRECTION)
# What the labels are called in a suite that does not name the labels of a data set.
POLARITY = ("negative", "positive")


@dataclass(frozen=True)
class Case:
    """One question. changed: the second text of an invariance or direction case.

    label: the suite's word for the label that the text should get, or that the change should not make less probable;
    None in an invariance test. template and fillers: what the text was made of.
    """

    text: str
    changed: str | None
    label: str | None
    template: str
    fillers: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the one or two texts of the case."""
        return (self.text,) if self.changed is None else (self.text, self.changed)


@dataclass(frozen=True)
class SuiteTest:
    """Cases that ask for the same thing. tolerance: how far a direction test lets the probability fall, 0 to 1."""

    capability: str
    name: str
    kind: str
    tolerance: float
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Suite:
    """A suite, expanded. language: None means any. labels: the suite's words -> the data set's label names; None means
    that its words are `negative` and `positive`, which `polarity` finds among the label names."""

    name: str
    language: str | None
    labels: Mapping[str, str] | None
    tests: tuple[SuiteTest, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """Return the cases of all tests, in order."""
        return tuple(case for test in self.tests for case in test.cases)


def texts(suite: Suite) -> tuple[str, ...]:
    """Return every distinct text of the suite, in order: what has to be asked to judge it."""
    return tuple(dict.fromkeys(text for case in suite.cases for text in case.texts))
