"""The kinds of sentence that a review is made of.

A form is a sentence or two with slots. A slot is `{name}`, `{+name}` (in the polarity of the review's
verdict) or `{-name}` (in the opposite polarity), optionally followed by the number of the aspect that it
goes with: `{asp1} <1:are|is> {+adj1}`. `<1:are|is>` agrees with aspect 1, and `@a` is the indefinite
article. Forms themselves carry no sentiment, so that each serves both polarities.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Forms:
    """The sentence forms of one split, by what they do in a review."""

    verdict_first: tuple[str, ...]
    """The writer's overall verdict, as an opening."""
    verdict_middle: tuple[str, ...]
    """The writer's overall verdict, anywhere."""
    verdict_last: tuple[str, ...]
    """The writer's overall verdict, as a conclusion."""
    verdict_turn: tuple[str, ...]
    """The writer's overall verdict after points that speak against it."""
    support: tuple[str, ...]
    """A point for the verdict."""
    comparison: tuple[str, ...]
    """A comparison with another film that speaks for the verdict."""
    negation: tuple[str, ...]
    """A point for the verdict, made by negating words of the opposite polarity."""
    contrast: tuple[str, ...]
    """A point against the verdict and a heavier one for it."""
    concession: tuple[str, ...]
    """Only points against the verdict."""
    expectation: tuple[str, ...]
    """What the writer expected, and the contrary that came."""
    hearsay: tuple[str, ...]
    """The opposite opinion of somebody else, which the writer does not share."""
    premise: tuple[str, ...]
    """Who the film is about; neutral."""
    production: tuple[str, ...]
    """How the film was made; neutral."""
    viewing: tuple[str, ...]
    """Where, when and with whom the writer watched; neutral. A review has room for one occasion."""

    def everything(self) -> tuple[str, ...]:
        """Every form, in a fixed order."""
        return tuple(form for field in fields(self) for form in getattr(self, field.name))
