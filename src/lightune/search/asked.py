"""What is to be searched over, as people write it: NAME=VALUE,VALUE or NAME=LOW..HIGH."""

from __future__ import annotations

from collections.abc import Sequence

from lightune.errors import ConfigError
from lightune.search.space import ALL, BLOCKS, HALF, HEAD, METHOD, RANK, RATE, TARGETS, Among, Between
from lightune.search.trial import Value

OPTIONS = {
    "learning-rate": RATE,
    "rank": RANK,
    "head-rate": HEAD,
    "method": METHOD,
    "top-blocks": BLOCKS,
    "target-modules": TARGETS,
}
RANGES = ("learning-rate", "head-rate")
EXPECTED = {
    "learning-rate": "numbers above 0 with commas between them, or 1e-5..1e-3,",
    "head-rate": "numbers above 0 with commas between them, or 0.3..10,",
    "rank": "whole numbers from 1 on with commas between them",
    "top-blocks": f"whole numbers from 1 on, {HALF} or {ALL} with commas between them",
    "method": "methods with commas between them",
    "target-modules": f"{ALL}, attention, mlp or names joined by + with commas between them",
}


def dimensions(words: Sequence[str]) -> tuple[Between | Among, ...]:
    """What `words` ask to search over. Raises ConfigError."""
    found: dict[str, Between | Among] = {}
    for word in words:
        name, sign, text = word.partition("=")
        name = name.strip()
        if not sign or name not in OPTIONS:
            raise ConfigError(
                f"--search: NAME=VALUE,VALUE is expected, NAME one of {', '.join(OPTIONS)}, got {word!r}."
            )
        if name in found:
            raise ConfigError(f"--search {name}: it is given twice. Give all of its values at once.")
        try:
            found[name] = _dimension(name, text)
        except ValueError:
            raise ConfigError(f"--search {name}: {EXPECTED[name]} are expected, got {text!r}.") from None
    return tuple(found.values())


def _dimension(name: str, text: str) -> Between | Among:
    low, dots, high = text.partition("..")
    if dots and name in RANGES:
        between = Between(OPTIONS[name], _positive(low), _positive(high))
        if between.low >= between.high:
            raise ValueError(text)
        return between
    values = tuple(_value(name, part.strip()) for part in text.split(","))
    if len(set(values)) < len(values):
        raise ValueError(text)
    return Among(OPTIONS[name], values)


def _value(name: str, text: str) -> Value:
    if name in RANGES:
        return _positive(text)
    if name in ("method", "target-modules"):
        parts = [part.strip() for part in text.split("+")]
        if not all(parts) or (ALL in parts and len(parts) > 1):
            raise ValueError(text)
        return "+".join(parts)
    if name == "top-blocks" and text in (ALL, HALF):
        return text
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number
