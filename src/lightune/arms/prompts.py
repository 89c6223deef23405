"""What arm `zero-shot` asks the language model: templates, and the words that stand for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightune.compute.prompt import Prompt
from lightune.errors import ConfigError

# Two labels of these names say whether a text is against something or for it.
POLARITY = (("neg", "pos"), ("negative", "positive"), ("bad", "good"))
# Of 21 templates and 13 sets of words these were among the best on 600 of IMDb's training reviews with the embedded
# model: accuracy 0.743 calibrated, 0.555 not; one word a label gave 0.722 and 0.503. They name no kind of thing.
POLARITY_TEMPLATES = (
    "{text} It was {label}.",
    "{text} All in all, it was {label}.",
    "{text} Overall, it was {label}.",
    "{text} This is {label}.",
)
POLARITY_WORDS = (("terrible", "awful", "horrible"), ("great", "excellent", "wonderful"))
TEMPLATES = ("{text}\nThis text is about {label}.",)


@dataclass(frozen=True)
class Prompts:
    """templates: with one {text} and one {label} each. words: of each label, in the labels' order, at least one."""

    templates: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]


def resolve_prompts(
    label_names: Sequence[str],
    templates: Sequence[str] | None = None,
    words: Mapping[str, Sequence[str]] | None = None,
) -> Prompts:
    """Return the prompts for these labels: what was asked for, else what the labels' names call for.

    Two labels that mean polarity by name get templates and words for it; any others the label's name, with spaces for
    underscores and dashes. Raises ConfigError for a template without its placeholders, words for a label that is none,
    a label without a word, and a word of two labels.
    """
    polarity = polarity_words(label_names)
    chosen = tuple(templates) if templates is not None else (POLARITY_TEMPLATES if polarity else TEMPLATES)
    if not chosen:
        raise ConfigError("Prompt templates: at least one is expected, none was given.")
    for template in chosen:
        Prompt(template)
    if words is None:
        by_label = polarity or tuple((_spoken(name),) for name in label_names)
    else:
        unknown = [name for name in words if name not in label_names]
        if unknown:
            raise ConfigError(f"Label words: {unknown[0]!r} is no label; the labels are {', '.join(label_names)}.")
        by_label = tuple(tuple(dict.fromkeys(map(str.strip, words.get(name, ())))) for name in label_names)
    _check_words(label_names, by_label)
    return Prompts(chosen, by_label)


def polarity_words(label_names: Sequence[str]) -> tuple[tuple[str, ...], ...] | None:
    """The words of two labels that mean polarity by name, in the labels' order; None for other labels."""
    names = [name.casefold() for name in label_names]
    for pair in POLARITY:
        if sorted(names) == sorted(pair):
            return tuple(POLARITY_WORDS[pair.index(name)] for name in names)
    return None


def _spoken(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").split())


def _check_words(label_names: Sequence[str], by_label: Sequence[Sequence[str]]) -> None:
    owners: dict[str, str] = {}
    for name, own in zip(label_names, by_label, strict=True):
        if not own or not all(own):
            raise ConfigError(f"Label words: label {name!r} has none, or an empty one. Give each label a word.")
        for word in own:
            if owners.setdefault(word, name) != name:
                raise ConfigError(
                    f"Label words: {word!r} stands for both {owners[word]!r} and {name!r}. Give each label words of "
                    "its own."
                )
