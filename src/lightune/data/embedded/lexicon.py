"""What a bank of sentiment words holds, and which words count as carrying no sentiment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

Polarity = Literal["negative", "positive"]

POLARITIES: tuple[Polarity, Polarity] = ("negative", "positive")


def opposite(polarity: Polarity) -> Polarity:
    """The other one of the two polarities."""
    return "negative" if polarity == "positive" else "positive"


@dataclass(frozen=True)
class Words:
    """The words of one polarity. `<a|b>` stands for a verb's base (and plural) form and its singular form.

    `@a` stands for the indefinite article, whose form the next word decides.
    """

    strong: tuple[str, ...]
    """Adjectives for any aspect or a whole film, too strong to negate: "far from abysmal" is no praise."""
    mild: tuple[str, ...]
    """Adjectives for any aspect or a whole film whose negation clearly means the opposite."""
    film: tuple[str, ...]
    """Adjectives for a whole film, or for a scene or a minute of one; they can be negated."""
    aspects: Mapping[str, tuple[str, ...]]
    """Adjectives for one group of aspects (see `scenery.ASPECTS`); they can be negated."""
    nouns: tuple[str, ...]
    """What a film can be called: "@a gem"."""
    qualities: tuple[str, ...]
    """What a film can be full of: "wit"."""
    film_verbs: tuple[str, ...]
    """What a film does: "<come|comes> to life"."""
    aspect_verbs: tuple[str, ...]
    """What an aspect of a film does: "<shine|shines>"."""
    reactions: tuple[str, ...]
    """What the writer did in the theater, as a clause that begins with "I"."""
    feelings: tuple[str, ...]
    """How a viewer can feel: "grateful"."""
    advice: tuple[str, ...]
    """What the writer wants the reader to do, as a clause that can stand alone."""
    attitudes: tuple[str, ...]
    """A verb in the past tense whose object is the film: "loved"."""
    comparisons: tuple[str, ...]
    """What a film is beside another one: "a clear step up"."""
    ratings: tuple[str, ...]
    """A score: "nine out of ten"."""

    def adjectives(self) -> tuple[str, ...]:
        """Every adjective once, in a fixed order."""
        groups = [self.strong, self.mild, self.film, *self.aspects.values()]
        return tuple(dict.fromkeys(word for group in groups for word in group))

    def phrases(self) -> tuple[str, ...]:
        """Every phrase of every kind once, in a fixed order, with its markup."""
        others = (getattr(self, field.name) for field in fields(self) if field.name != "aspects")
        return tuple(dict.fromkeys([*self.adjectives(), *(phrase for group in others for phrase in group)]))

    def tokens(self) -> frozenset[str]:
        """The single words that carry the sentiment: those of the phrases, less the shared ones."""
        found = (token for phrase in self.phrases() for token in tokens(phrase))
        return frozenset(found) - SHARED_WORDS


@dataclass(frozen=True)
class Lexicon:
    """The sentiment words of one split, in both polarities."""

    positive: Words
    negative: Words

    def words(self, polarity: Polarity) -> Words:
        """The words of one polarity."""
        return self.positive if polarity == "positive" else self.negative

    def tokens(self) -> frozenset[str]:
        """The single words that carry sentiment, of either polarity."""
        return self.positive.tokens() | self.negative.tokens()


def tokens(text: str) -> list[str]:
    """The lower-case words of a text; hyphens separate words, apostrophes do not."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower().replace("@a", "a"))


# Words inside sentiment phrases that mean nothing good or bad by themselves. Both splits may use them.
SHARED_WORDS = frozenset(
    tokens(
        """
        a after again against along an and another anyone at away back be by can cannot come
        comes could did do down every everyone for forward from get gets go goes got had half
        hand has have home i if in it its itself left let me more my nearly no not nothing of
        off on once one out over own put see than the time to twice under up was way while will
        with would you your yourself

        asked audience big clear consider counted ear evening eyes far feet film find finds
        first giant hills hour keep kept list looked minutes money much nearest paid pay place
        premise real screen screening seat shelf start take takes talk talks thing ticket top
        walked wanted watch watched watching whole work works

        one two three four five eight nine ten star stars
        """
    )
)
