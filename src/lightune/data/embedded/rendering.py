"""Turns sentence forms into text: fills their slots, makes verbs and articles agree, sets capitals."""

import re
from collections.abc import Sequence
from random import Random

from lightune.data.embedded import scenery
from lightune.data.embedded.lexicon import Lexicon, Polarity, Words, opposite

_SLOT = re.compile(r"\{([+-]?)([a-z]+)(\d?)\}")
_ASPECT = re.compile(r"\{asp(\d)\}")
_AGREEMENT = re.compile(r"<(\d):([^|>]*)\|([^>]*)>")
_VERB = re.compile(r"<([^|>]*)\|([^>]*)>")
_ARTICLE = re.compile(r"@a (\w+)")
_SENTENCE_START = re.compile(r"(^|[.!?] )(\(?[a-z])")

# Words whose first letter says the wrong thing about their first sound.
_VOWEL_SOUND = ("hour", "honest", "honor", "heir", "8")
_CONSONANT_SOUND = ("one", "unique", "union", "universal", "university", "uniform", "use", "usual", "euro")

_CONTRACTIONS = (
    (re.compile(r"\b(do|does|did|could|would)\b not\b", re.IGNORECASE), r"\1n't"),
    (re.compile(r"\bcannot\b"), "can't"),
    (re.compile(r"\bI will\b"), "I'll"),
    (re.compile(r"\bI would\b"), "I'd"),
)


class Exhausted(Exception):
    """A review asks for more different words or aspects than there are."""


def article(word: str) -> str:
    """The indefinite article that goes before `word`."""
    lower = word.lower()
    if lower.startswith(_VOWEL_SOUND):
        return "an"
    return "an" if lower[:1] in "aeiou" and not lower.startswith(_CONSONANT_SOUND) else "a"


def contracted(text: str) -> str:
    """`text` with those contractions that are right wherever the words stand."""
    for pattern, short in _CONTRACTIONS:
        text = pattern.sub(short, text)
    return text


class Renderer:
    """Renders the sentences of one review; what it has used once, it does not use again.

    The film, its people and its viewers stay the same through the review. Raises `Exhausted` when a
    form asks for something that the review has no unused choice left for.
    """

    def __init__(self, rng: Random, lexicon: Lexicon, verdict: Polarity) -> None:
        self._rng = rng
        self._own = lexicon.words(verdict)
        self._other = lexicon.words(opposite(verdict))
        self._used: set[str] = set()
        self._groups: set[str] = set()
        self._facts = _facts(rng)

    def render(self, form: str) -> str:
        """The text of one form, beginning with a capital letter."""
        # Aspects come first, since an adjective may stand before the aspect that it has to fit.
        aspects = {number: self._aspect() for number in sorted(set(_ASPECT.findall(form)))}

        def fill(match: re.Match[str]) -> str:
            sign, name, number = match.groups()
            if name == "asp":
                return aspects[number].name
            if not sign:
                return self._neutral(name)
            return self._sentiment(self._own if sign == "+" else self._other, name, aspects.get(number))

        text = _SLOT.sub(fill, form)
        text = _AGREEMENT.sub(lambda match: match[2] if aspects[match[1]].plural else match[3], text)
        text = _ARTICLE.sub(lambda match: f"{article(match[1])} {match[1]}", text)
        return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)

    def _aspect(self) -> scenery.Aspect:
        open_aspects = [aspect for aspect in scenery.ASPECTS if aspect.group not in self._groups]
        if not open_aspects:
            raise Exhausted
        found = self._rng.choice(open_aspects)
        self._groups.add(found.group)
        return found

    def _neutral(self, name: str) -> str:
        """A neutral fact: fixed for the review, or drawn anew where each mention is a different one."""
        # A number or a person's credit that came up twice would read like a mistake.
        if name in ("minutes", "director"):
            return self._unused([self._facts[name]])
        drawn = {"critic": scenery.CRITICS, "location": scenery.FILM_LOCATIONS, "event": scenery.EVENTS}
        if name in drawn:
            return self._unused(drawn[name]).replace("{his}", self._facts["his"])
        return self._facts[name]

    def _sentiment(self, words: Words, name: str, aspect: scenery.Aspect | None) -> str:
        if name in ("filmverb", "filmverbs"):
            number = 1 if name == "filmverb" else 2
            return _VERB.sub(lambda match: match[number], self._unused(words.film_verbs))
        if name == "verb":
            assert aspect is not None
            number = 1 if aspect.plural else 2
            return _VERB.sub(lambda match: match[number], self._unused(words.aspect_verbs))
        return self._unused(self._choices(words, name, aspect))

    def _choices(self, words: Words, name: str, aspect: scenery.Aspect | None) -> Sequence[str]:
        general = (*words.strong, *words.mild)
        match name:
            case "adj" | "adjnot":
                assert aspect is not None
                # As many words that fit only this aspect as the general bank gets to offer: without
                # the coin, the larger general bank would drown them.
                if self._rng.random() < 0.5:
                    return words.aspects[aspect.group]
                return general if name == "adj" else words.mild
            case "role":
                return words.aspects["acting"]
            case "film":
                return words.film if self._rng.random() < 0.6 else general
            case "filmnot":
                return words.film if self._rng.random() < 0.7 else words.mild
            case "noun":
                return words.nouns
            case "quality":
                return words.qualities
            case "reaction":
                return words.reactions
            case "feeling":
                return words.feelings
            case "advice":
                return words.advice
            case "attitude":
                return words.attitudes
            case "comparison":
                return words.comparisons
            case "rating":
                return words.ratings
            case _:
                raise ValueError(f"no such slot: {name}")

    def _unused(self, choices: Sequence[str]) -> str:
        left = [choice for choice in choices if choice not in self._used]
        if not left:
            raise Exhausted
        found = self._rng.choice(left)
        self._used.add(found)
        return found


def _facts(rng: Random) -> dict[str, str]:
    """The film, its people and its viewers, as one review tells of them."""
    hero, actortwo, director, *others = rng.sample(scenery.FIRST_NAMES, len(scenery.FIRST_NAMES))
    actor = next(name for name in others if name[1] == hero[1])
    surnames = rng.sample(scenery.SURNAMES, 4)
    genre, genres = rng.choice(scenery.GENRES)
    return {
        "title": f"{rng.choice(scenery.TITLE_OPENINGS)} {rng.choice(scenery.TITLE_ENDINGS)}",
        "kind": rng.choice(scenery.KINDS),
        "genre": genre,
        "genres": genres,
        "hero": f"{hero[0]} {surnames[0]}",
        "his": hero[1],
        "actor": f"{actor[0]} {surnames[1]}",
        "actortwo": f"{actortwo[0]} {surnames[2]}",
        "director": f"{director[0]} {surnames[3]}",
        "job": rng.choice(scenery.JOBS),
        "place": rng.choice(scenery.PLACES),
        "venue": rng.choice(scenery.VENUES),
        "medium": rng.choice(scenery.MEDIA),
        "companion": rng.choice(scenery.COMPANIONS),
        "day": rng.choice(scenery.DAYS),
        "month": rng.choice(scenery.MONTHS),
        "row": rng.choice(scenery.ROWS),
        "minutes": str(rng.randrange(81, 141)),
        "count": str(rng.randrange(6, 60)),
    }
