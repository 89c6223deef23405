"""What the language model is asked, and what is refused."""

import pytest

from lightune.arms.prompts import POLARITY_TEMPLATES, POLARITY_WORDS, TEMPLATES, resolve_prompts
from lightune.errors import ConfigError

NEGATIVE, POSITIVE = POLARITY_WORDS


@pytest.mark.parametrize("names", [("neg", "pos"), ("negative", "positive"), ("Bad", "Good"), ("NEG", "POS")])
def test_labels_of_polarity_get_words_for_it_in_their_order(names: tuple[str, str]) -> None:
    assert resolve_prompts(names).words == (NEGATIVE, POSITIVE)
    assert resolve_prompts(names[::-1]).words == (POSITIVE, NEGATIVE)
    assert resolve_prompts(names).templates == POLARITY_TEMPLATES


@pytest.mark.parametrize(
    "names", [("neg", "good"), ("neg", "neutral", "pos"), ("neg", "pos", "bad", "good"), ("a", "b")]
)
def test_other_labels_are_asked_for_by_name(names: tuple[str, ...]) -> None:
    prompts = resolve_prompts(names)
    assert prompts.words == tuple((name,) for name in names)
    assert prompts.templates == TEMPLATES


def test_names_are_spoken() -> None:
    words = resolve_prompts(("card_arrival", "top-up_failed", " Sci/Tech ")).words
    assert words == (("card arrival",), ("top up failed",), ("Sci/Tech",))


def test_templates_and_words_of_ones_own() -> None:
    prompts = resolve_prompts(("neg", "pos"), ["{text} {label}"], {"pos": ["good ", "fine", "good"], "neg": ["bad"]})
    assert prompts.templates == ("{text} {label}",)
    assert prompts.words == (("bad",), ("good", "fine"))


@pytest.mark.parametrize(
    ("templates", "fault"),
    [
        (["{text} {label}", "It was {label}."], "{text} is missing"),
        (["{text} It was good."], "{label} is missing"),
        (["{label}: {text}"], "{label} stands before {text}"),
        ([], "at least one"),
    ],
)
def test_templates_that_cannot_be_used_are_refused(templates: list[str], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        resolve_prompts(("a", "b"), templates)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ({"a": ["x"], "b": ["y"], "c": ["z"]}, "'c' is no label; the labels are a, b"),
        ({"a": ["x"]}, "label 'b' has none"),
        ({"a": ["x"], "b": []}, "label 'b' has none"),
        ({"a": ["x"], "b": ["y", " "]}, "label 'b' has none, or an empty one"),
        ({"a": ["x", "y"], "b": ["z", "y"]}, "'y' stands for both 'a' and 'b'"),
    ],
)
def test_words_that_cannot_be_used_are_refused(words: dict[str, list[str]], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        resolve_prompts(("a", "b"), None, words)


def test_names_that_are_spoken_alike_need_words() -> None:
    with pytest.raises(ConfigError, match="'top up' stands for both 'top_up' and 'top-up'"):
        resolve_prompts(("top_up", "top-up"))
    with pytest.raises(ConfigError, match="label '_' has none"):
        resolve_prompts(("_", "a"))
