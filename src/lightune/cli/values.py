"""What an option's words mean: lists, METHOD.OPTION=VALUE, LABEL=WORD."""

from __future__ import annotations

from typing import Any

from lightune.errors import ConfigError


def names(value: str | None) -> tuple[str, ...] | None:
    """The names between commas, or None where the option was not given."""
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip())


def method_options(values: list[str] | None) -> dict[str, dict[str, Any]]:
    """METHOD.OPTION=VALUE, each value as YAML reads it, by method and option. Raises ConfigError."""
    import yaml

    found: dict[str, dict[str, Any]] = {}
    for value in values or []:
        name, sign, text = value.partition("=")
        method, dot, option = name.partition(".")
        if not (method and dot and option and sign):
            raise ConfigError(f"--set: METHOD.OPTION=VALUE is expected, as vera.r=64, got {value!r}.")
        try:
            found.setdefault(method, {})[option] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
            raise ConfigError(f"--set {name}: a number, a word or true or false is expected, got {text!r}.") from None
    return found


def sizes(value: str | None) -> tuple[int, ...]:
    """The whole numbers between commas; none where the option was not given. Raises ConfigError."""
    try:
        return tuple(int(size) for size in names(value) or ())
    except ValueError:
        raise ConfigError(f"--curve: whole numbers with commas between them are expected, got {value!r}.") from None


def label_words(values: list[str] | None) -> dict[str, str] | None:
    """LABEL=WORD|WORD, by label; the words stay as they are written. Raises ConfigError."""
    if not values:
        return None
    pairs = [value.partition("=") for value in values]
    wrong = next((value for value, (_, sign, _words) in zip(values, pairs, strict=True) if not sign), None)
    if wrong is not None:
        raise ConfigError(f"--label-words: LABEL=WORD is expected, or LABEL=WORD|WORD, got {wrong!r}.")
    return {label: words for label, _, words in pairs}
