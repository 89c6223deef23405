import csv
import hashlib
import json
import random
import re
from collections import Counter
from itertools import pairwise
from statistics import mean

import pytest

from lightune.data.embedded import (
    forms_seen,
    forms_unseen,
    generate,
    handwritten_path,
    lexicon_seen,
    lexicon_unseen,
    scenery,
)
from lightune.data.embedded.composition import HARD_KINDS, SENTENCES, WORDS, Review, count_sentences
from lightune.data.embedded.generator import write_reviews
from lightune.data.embedded.lexicon import POLARITIES, SHARED_WORDS, tokens
from lightune.data.embedded.rendering import article, contracted

SIZES = {"train": 4_000, "test": 1_000}

# A deliberate change of the words, the forms or the composition changes this; nothing else may.
SHA256 = "d758cbeb3e2d1fb97df608c70bbacd08fbb3b138ba44c229e7d83f4510c50df9"

# All of the data is written anew for them, and nobody changes it from day to day.
pytestmark = pytest.mark.full

# Words that begin with a vowel letter and a consonant sound, or the other way around.
A_BEFORE_VOWEL_LETTER = {"one", "useless", "university", "unique"}
AN_BEFORE_CONSONANT_LETTER = {"hour", "honest"}

LEXICONS = {"train": lexicon_seen.LEXICON, "test": lexicon_unseen.LEXICON}
FORMS = {"train": forms_seen.FORMS, "test": forms_unseen.FORMS}
SPLITS = tuple(SIZES)


@pytest.fixture(scope="module")
def reviews() -> dict[str, list[Review]]:
    return write_reviews()


@pytest.fixture(scope="module")
def splits() -> dict[str, list[tuple[str, str]]]:
    return generate()


@pytest.fixture(scope="module")
def handwritten() -> list[dict[str, str]]:
    with handwritten_path().open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def plain(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"['’]", "", text.casefold()))


def skeleton(form: str) -> str:
    """A form less what its slots hold, so that two forms that differ only in a slot count as one."""
    return re.sub(r"\{[^}]*\}", "_", form)


# --- the reviews -------------------------------------------------------------------------------


def test_the_splits_have_their_sizes_and_are_exactly_balanced(splits):
    assert {split: len(rows) for split, rows in splits.items()} == SIZES
    for split, rows in splits.items():
        half = SIZES[split] // 2
        assert Counter(label for _, label in rows) == {"negative": half, "positive": half}


def test_the_content_is_the_pinned_one(splits):
    content = json.dumps(splits, ensure_ascii=False, sort_keys=True).encode()
    assert hashlib.sha256(content).hexdigest() == SHA256


def test_the_global_random_state_neither_matters_nor_changes(splits):
    random.seed(1)
    state = random.getstate()
    assert generate() == splits
    assert random.getstate() == state


def test_the_reviews_are_the_generated_splits(splits, reviews):
    assert splits == {split: [(review.text, review.label) for review in found] for split, found in reviews.items()}


def test_no_text_occurs_twice_within_or_across_the_splits(splits):
    texts = [" ".join(plain(text)) for rows in splits.values() for text, _ in rows]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("split", SPLITS)
def test_lengths_stay_within_their_limits_and_vary(splits, split):
    words = [len(text.split()) for text, _ in splits[split]]
    sentences = Counter(count_sentences(text) for text, _ in splits[split])
    assert WORDS == (40, 130)
    assert WORDS[0] <= min(words) < 45
    assert 110 < max(words) <= WORDS[1]
    assert set(sentences) == set(range(SENTENCES[0], SENTENCES[1] + 1))


@pytest.mark.parametrize("split", SPLITS)
def test_length_does_not_give_the_label_away(splits, split):
    means = [mean(len(text.split()) for text, label in splits[split] if label == wanted) for wanted in POLARITIES]
    assert abs(means[0] - means[1]) < 3


@pytest.mark.parametrize("split", SPLITS)
def test_the_order_is_shuffled(splits, split):
    labels = [label for _, label in splits[split]]
    tenth = len(labels) // 10
    for start in range(0, len(labels), tenth):
        assert 0.35 < labels[start : start + tenth].count("positive") / tenth < 0.65
    assert 0.4 < mean(here == there for here, there in pairwise(labels)) < 0.6


@pytest.mark.parametrize("split", SPLITS)
def test_every_review_states_one_verdict_at_a_varied_place(reviews, split):
    places: dict[str, list[str]] = {"first": [], "middle": [], "last": []}
    for review in reviews[split]:
        at = [place for place, kind in enumerate(review.kinds) if kind.startswith("verdict")]
        assert len(at) == 1
        place = "first" if at[0] == 0 else "last" if at[0] == len(review.kinds) - 1 else "middle"
        places[place].append(review.label)
    for labels in places.values():
        assert len(labels) > 0.15 * SIZES[split]
        assert 0.42 < labels.count("positive") / len(labels) < 0.58


@pytest.mark.parametrize("split", SPLITS)
def test_no_review_ends_on_a_concession(reviews, split):
    assert all(review.kinds[-1] != "concession" for review in reviews[split])
    assert all(
        "verdict_first" in review.kinds or "verdict_turn" in review.kinds
        for review in reviews[split]
        if "concession" in review.kinds
    )


@pytest.mark.parametrize("split", SPLITS)
def test_a_good_part_of_either_class_takes_reading(reviews, split):
    for label in POLARITIES:
        found = [review for review in reviews[split] if review.label == label]
        hard = [review for review in found if set(review.kinds) & set(HARD_KINDS)]
        assert 0.38 < len(hard) / len(found) < 0.52
        for kind in (*HARD_KINDS, "expectation", "comparison", "premise"):
            assert sum(kind in review.kinds for review in found) > 0.08 * len(found)


@pytest.mark.parametrize("split", SPLITS)
def test_either_class_uses_every_form_about_equally_often(reviews, split):
    counts = {label: Counter[str]() for label in POLARITIES}
    for review in reviews[split]:
        counts[review.label].update(review.forms)
    for form in FORMS[split].everything():
        negative, positive = counts["negative"][form], counts["positive"][form]
        total = negative + positive
        # Four standard deviations of a fair coin: the forms are drawn before the label plays a part.
        assert total > 0, form
        assert abs(negative - positive) < 4 * total**0.5, form


# --- grammar -----------------------------------------------------------------------------------


@pytest.mark.parametrize("split", SPLITS)
def test_no_markup_is_left(splits, split):
    for text, _ in splits[split]:
        assert not re.search(r"[{}<>|@_]|  |\s$|^\s", text), text


@pytest.mark.parametrize("split", SPLITS)
def test_articles_are_right(splits, split):
    for text, _ in splits[split]:
        vowels = re.findall(r"\ba ([aeiou8][a-z]*)", text, re.IGNORECASE)
        consonants = re.findall(r"\ban ([^aeiou8\W][a-z]*)", text, re.IGNORECASE)
        assert set(vowels) <= A_BEFORE_VOWEL_LETTER, text
        assert set(consonants) <= AN_BEFORE_CONSONANT_LETTER, text


@pytest.mark.parametrize("split", SPLITS)
def test_sentences_begin_with_a_capital_or_the_review_has_none(splits, split):
    lower = [text for text, _ in splits[split] if text == text.lower()]
    assert 0.04 < len(lower) / SIZES[split] < 0.12
    for text, _ in splits[split]:
        if text != text.lower():
            assert not re.search(r'(?:^|[.!?][)"]? )\(?[a-z]', text), text


@pytest.mark.parametrize("split", SPLITS)
def test_punctuation_is_right(splits, split):
    for text, _ in splits[split]:
        assert text.endswith((".", "!", "?", ".)")), text
        assert not re.search(r" [,.;:!?]|[,;:][,.;:!?]|[.!?][,.;:!?]", text), text
        assert text.count("(") == text.count(")"), text


@pytest.mark.parametrize("split", SPLITS)
def test_no_word_comes_twice_in_a_row(splits, split):
    for text, _ in splits[split]:
        assert not re.search(r"\b(\w+) \1\b", text.lower()), text


@pytest.mark.parametrize("split", SPLITS)
def test_registers_vary(splits, split):
    texts = [text for text, _ in splits[split]]
    for mark in ("!", "(", "n't "):
        assert 0.05 < mean(mark in text for text in texts) < 0.5


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("gem", "a"),
        ("ordeal", "an"),
        ("unimaginative", "an"),
        ("unimpressive", "an"),
        ("useless", "a"),
        ("one-note", "a"),
        ("hour", "an"),
        ("honest", "an"),
        ("Orchard", "an"),
        ("88", "an"),
        ("118", "a"),
    ],
)
def test_article(word, wanted):
    assert article(word) == wanted


def test_contractions_keep_their_case():
    assert contracted("Do not go. I cannot, I will not.") == "Don't go. I can't, I'll not."


# --- train and test ----------------------------------------------------------------------------


def test_the_banks_are_large():
    for split, fewest in (("train", 80), ("test", 50)):
        for polarity in POLARITIES:
            assert len(LEXICONS[split].words(polarity).adjectives()) >= fewest
    assert len({skeleton(form) for form in FORMS["train"].everything()}) >= 60
    assert len({skeleton(form) for form in FORMS["test"].everything()}) >= 40


def test_the_banks_of_the_two_polarities_have_the_same_shape():
    for lexicon in LEXICONS.values():
        assert lexicon.positive.aspects.keys() == lexicon.negative.aspects.keys()
        assert lexicon.positive.aspects.keys() == {aspect.group for aspect in scenery.ASPECTS}
        assert not set(lexicon.positive.phrases()) & set(lexicon.negative.phrases())
        assert not set(lexicon.positive.adjectives()) & set(lexicon.negative.adjectives())


def test_the_banks_of_the_two_splits_share_no_word():
    assert not LEXICONS["train"].tokens() & LEXICONS["test"].tokens()


def test_no_shared_word_is_an_adjective():
    for lexicon in LEXICONS.values():
        for polarity in POLARITIES:
            for adjective in lexicon.words(polarity).adjectives():
                assert not set(tokens(adjective)) <= SHARED_WORDS, adjective


@pytest.mark.parametrize(("bank", "split"), [("test", "train"), ("train", "test")])
def test_the_texts_of_one_split_hold_no_sentiment_word_of_the_other(splits, bank, split):
    foreign = LEXICONS[bank].tokens()
    for text, _ in splits[split]:
        assert not foreign.intersection(tokens(text)), text


def test_no_adjective_of_the_test_bank_occurs_in_a_training_text(splits):
    adjectives = [word for polarity in POLARITIES for word in LEXICONS["test"].words(polarity).adjectives()]
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, adjectives))})\b", re.IGNORECASE)
    for text, _ in splits["train"]:
        assert not pattern.search(text), text


def test_every_adjective_of_a_bank_occurs_in_its_split(splits):
    for split, lexicon in LEXICONS.items():
        everything = " ".join(text.lower() for text, _ in splits[split])
        for polarity in POLARITIES:
            for adjective in lexicon.words(polarity).adjectives():
                assert re.search(rf"\b{re.escape(adjective)}\b", everything), adjective


def test_no_form_serves_both_splits():
    train, test = ({skeleton(form).lower() for form in FORMS[split].everything()} for split in SPLITS)
    assert not train & test


def test_the_forms_used_are_those_of_the_split(reviews):
    for split, found in reviews.items():
        assert {form for review in found for form in review.forms} <= set(FORMS[split].everything())


# --- handwritten -------------------------------------------------------------------------------


def test_handwritten_has_300_rows_half_of_them_positive(handwritten):
    assert all(row.keys() == {"text", "label"} for row in handwritten)
    assert all(row["text"] == row["text"].strip() != "" for row in handwritten)
    assert Counter(row["label"] for row in handwritten) == {"negative": 150, "positive": 150}


def test_no_two_handwritten_reviews_share_five_consecutive_words(handwritten):
    owner: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(handwritten):
        words = plain(row["text"])
        for start in range(len(words) - 4):
            run = tuple(words[start : start + 5])
            assert owner.setdefault(run, number) == number, " ".join(run)


def test_no_handwritten_review_is_a_generated_one(handwritten, splits):
    generated = {" ".join(plain(text)) for rows in splits.values() for text, _ in rows}
    texts = [" ".join(plain(row["text"])) for row in handwritten]
    assert len(set(texts)) == len(texts)
    assert not generated & set(texts)
