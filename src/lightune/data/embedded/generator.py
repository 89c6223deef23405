"""Writes the embedded reviews: the same ones on every machine and under every supported Python."""

from random import Random

from lightune.data.embedded import forms_seen, forms_unseen, lexicon_seen, lexicon_unseen
from lightune.data.embedded.composition import Review, compose
from lightune.data.embedded.forms import Forms
from lightune.data.embedded.lexicon import POLARITIES, Lexicon

SEED = 20240

TRAIN_SIZE = 4_000
TEST_SIZE = 1_000


def generate() -> dict[str, list[tuple[str, str]]]:
    """The splits `train` and `test` as (text, label) pairs.

    Each split is half "negative" and half "positive", shuffled; no text occurs twice. The label is the
    writer's overall verdict, whatever else the review quotes or concedes. The test split uses sentiment
    words and sentence forms that the training split never shows.
    """
    return {split: [(review.text, review.label) for review in reviews] for split, reviews in write_reviews().items()}


def write_reviews() -> dict[str, list[Review]]:
    """The reviews of both splits, with the forms that each was made from."""
    seen: set[str] = set()
    return {
        "train": _split(Random(SEED), lexicon_seen.LEXICON, forms_seen.FORMS, TRAIN_SIZE, seen),
        "test": _split(Random(SEED + 1), lexicon_unseen.LEXICON, forms_unseen.FORMS, TEST_SIZE, seen),
    }


def _split(rng: Random, lexicon: Lexicon, forms: Forms, size: int, seen: set[str]) -> list[Review]:
    reviews: list[Review] = []
    while len(reviews) < size:
        review = compose(rng, lexicon, forms, POLARITIES[len(reviews) % 2])
        # Case is a matter of register: two reviews that differ in nothing else are the same review.
        if review.text.lower() not in seen:
            seen.add(review.text.lower())
            reviews.append(review)
    rng.shuffle(reviews)
    return reviews
