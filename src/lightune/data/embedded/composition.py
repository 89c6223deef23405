"""Composes a review: which forms it is made of, in which order and in which register."""

from dataclasses import dataclass
from random import Random

from lightune.data.embedded.forms import Forms
from lightune.data.embedded.lexicon import Lexicon, Polarity
from lightune.data.embedded.rendering import Exhausted, Renderer, contracted

WORDS = (40, 130)
"""The fewest and the most words of a review."""

SENTENCES = (3, 9)
"""The fewest and the most sentences of a review."""

HARD_SHARE = 0.45
"""The share of reviews with a phenomenon that takes more than word counting to read."""

HARD_KINDS = ("negation", "contrast", "concession", "hearsay")
"""The kinds of form (see `Forms`) that make a review a hard one."""


@dataclass(frozen=True)
class Review:
    """A review, the verdict of its writer, and the forms that it was made from."""

    text: str
    label: Polarity
    kinds: tuple[str, ...]
    """The kind of each form, in order: the name of a field of `Forms`."""
    forms: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    kind: str
    form: str


def compose(rng: Random, lexicon: Lexicon, forms: Forms, label: Polarity) -> Review:
    """One review whose writer's verdict is `label`, within `WORDS` and `SENTENCES`.

    The plan never looks at the label, so the structure of a review says nothing about it.
    """
    # Drawn once: retries would favor the kind of review that fits the limits more easily.
    hard = rng.random() < HARD_SHARE
    while True:
        parts = _plan(rng, forms, hard)
        renderer = Renderer(rng, lexicon, label)
        try:
            sentences = [renderer.render(part.form) for part in parts]
        except Exhausted:
            continue
        text = _in_register(rng, parts, sentences)
        if _fits(text):
            kinds = tuple(part.kind for part in parts)
            return Review(text=text, label=label, kinds=kinds, forms=tuple(part.form for part in parts))


def count_sentences(text: str) -> int:
    """The number of sentences in a text whose sentences end in `.`, `!` or `?`."""
    return sum(1 for word in text.split() if word.rstrip('")').endswith((".", "!", "?")))


def _fits(text: str) -> bool:
    return WORDS[0] <= len(text.split()) <= WORDS[1] and SENTENCES[0] <= count_sentences(text) <= SENTENCES[1]


def _plan(rng: Random, forms: Forms, hard: bool) -> list[_Part]:
    size = rng.randrange(2, 8)
    kinds = _hard_kinds(rng, size) if hard else _plain_kinds(rng, size)
    rng.shuffle(kinds)
    kinds = _with_verdict(kinds, rng.choice(("first", "middle", "last")))
    if rng.random() < 0.6:
        kinds.insert(1 if kinds[0] == "verdict_first" else 0, "premise")
    for filler in ("production", "viewing"):
        if rng.random() < 0.5:
            kinds.insert(_filler_place(rng, kinds), filler)
    return _drawn(rng, forms, kinds)


def _hard_kinds(rng: Random, size: int) -> list[str]:
    """Half and more of the body takes reading; a review that only concedes leaves all to the verdict."""
    if rng.random() < 0.25:
        return ["concession", rng.choice(("concession", "contrast")), *["support"] * rng.randrange(0, 2)]
    hard = [rng.choice(HARD_KINDS) for _ in range((size + 1) // 2)]
    easy = [rng.choice(("support", "support", "comparison", "expectation")) for _ in range(size // 2)]
    return hard + easy


def _plain_kinds(rng: Random, size: int) -> list[str]:
    kinds = ["support"] * size
    if rng.random() < 0.35:
        kinds[0] = "comparison"
    if rng.random() < 0.3:
        kinds[-1] = "expectation"
    return kinds


def _with_verdict(kinds: list[str], place: str) -> list[str]:
    """`kinds` with a verdict, which follows the concessions at once unless it opens the review.

    A review never ends on a concession, which would sound like a second verdict.
    """
    concessions = [kind for kind in kinds if kind == "concession"]
    others = [kind for kind in kinds if kind != "concession"]
    if place == "first" and others:
        return ["verdict_first", *others[:-1], *concessions, others[-1]]
    half = (len(others) + 1) // 2
    if place == "middle" and half < len(others):
        middle = [*concessions, "verdict_turn" if concessions else "verdict_middle"]
        return [*others[:half], *middle, *others[half:]]
    return [*others, *concessions, "verdict_turn" if concessions else "verdict_last"]


def _filler_place(rng: Random, kinds: list[str]) -> int:
    """A place for a neutral sentence: not the first, nor between a turn and the concession it turns on."""
    return rng.choice([at for at in range(1, len(kinds) + 1) if kinds[at : at + 1] != ["verdict_turn"]])


def _drawn(rng: Random, forms: Forms, kinds: list[str]) -> list[_Part]:
    """A different form for each place of `kinds`; kinds that run out of forms are left out."""
    stock = {kind: rng.sample(getattr(forms, kind), len(getattr(forms, kind))) for kind in dict.fromkeys(kinds)}
    return [_Part(kind, stock[kind].pop()) for kind in kinds if stock[kind]]


def _in_register(rng: Random, parts: list[_Part], sentences: list[str]) -> str:
    """The sentences as one text: plain, contracted, excited, with an aside, or all in lower case."""
    excited, aside = rng.random() < 0.12, rng.random() < 0.15
    for at, part in enumerate(parts):
        if excited and part.kind.startswith("verdict") and sentences[at].endswith("."):
            sentences[at] = sentences[at][:-1] + "!"
        if aside and at > 0 and part.kind in ("production", "viewing"):
            sentences[at] = f"({sentences[at]})"
            aside = False
    text = " ".join(sentences)
    if rng.random() < 0.4:
        text = contracted(text)
    return text.lower() if rng.random() < 0.08 else text
