"""Whether a suite can be asked here: do the labels say what it expects, and is the language its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightune.behaviour.faults import listed
from lightune.behaviour.suite import POLARITY, Suite
from lightune.evaluation.english import looks_english

# Names that say by themselves which label is which. Numbers do not: 1 may be the worst of five or the better of two.
NEGATIVE = ("negative", "neg", "bad", "thumbs down", "1 star")
POSITIVE = ("positive", "pos", "good", "thumbs up", "5 stars")
NEUTRAL = ("neutral", "neu")


def polarity(label_names: Sequence[str]) -> tuple[int, int] | None:
    """Return the indices of the negative and the positive label; None where the names do not say.

    There have to be exactly these two, or a neutral one besides, which counts as neither. Upper case, hyphens and
    underscores make no difference.
    """
    plain = [" ".join(name.replace("_", " ").replace("-", " ").casefold().split()) for name in label_names]
    negative = [i for i, name in enumerate(plain) if name in NEGATIVE]
    positive = [i for i, name in enumerate(plain) if name in POSITIVE]
    neutral = [i for i, name in enumerate(plain) if name in NEUTRAL]
    if len(negative) != 1 or len(positive) != 1 or len(neutral) > 1 or len(plain) != 2 + len(neutral):
        return None
    return negative[0], positive[0]


def label_indices(suite: Suite, label_names: Sequence[str]) -> Mapping[str, int] | None:
    """Return the suite's words for labels -> their indices in `label_names`; None where they are not all there."""
    if suite.labels is None:
        found = polarity(label_names)
        return None if found is None else dict(zip(POLARITY, found, strict=True))
    if not set(suite.labels.values()) <= set(label_names):
        return None
    return {word: list(label_names).index(name) for word, name in suite.labels.items()}


def why_not(suite: Suite, label_names: Sequence[str], texts: Sequence[str]) -> str | None:
    """Return the sentence that says why the suite cannot be asked here; None where it can.

    texts: some of the data set's. Only a suite whose language is `en` looks at them.
    """
    if label_indices(suite, label_names) is None:
        if suite.labels is None:
            return (
                f"The labels are {listed(label_names)}; a negative and a positive one are expected, by names such as "
                "`negative` and `positive`. A suite of your own can say under `labels` which is which."
            )
        missing = [name for name in suite.labels.values() if name not in label_names]
        return f"The suite asks for the labels {listed(missing)}; the labels here are {listed(label_names)}."
    if suite.language == "en" and not looks_english(texts):
        return "The suite is in English, and the texts do not look English."
    return None
