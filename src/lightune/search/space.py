"""What is searched over: options of a study's configuration, and the values that each may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lightune.catalogue import METHODS
from lightune.config import StudyConfig
from lightune.search.trial import Value

RANK, RATE, HEAD = "lora.rank", "training.learning_rate", "training.head_rate"
METHOD, BLOCKS, TARGETS = "method", "training.top_blocks", "lora.target_modules"
NAMES = {
    RATE: "learning rate",
    RANK: "rank",
    HEAD: "the head's rate",
    METHOD: "method",
    BLOCKS: "top blocks",
    TARGETS: "target modules",
}
# In the order in which they are drawn: what the others' values depend on comes first.
OPTIONS = (METHOD, RATE, RANK, HEAD, BLOCKS, TARGETS)
# Of blocks and target modules: none is left out. Of blocks the number 0 stands for it.
ALL, HALF = "all", "half"
# To either side of a method's own rate, which is right for some model and some task.
SPAN = 10.0
RANKS = (4, 8, 16, 32)
HEAD_RATES = (0.3, 10.0)


@dataclass(frozen=True)
class Between:
    """A number from `low` to `high`, drawn evenly by its logarithm. option: its place, as `training.learning_rate`."""

    option: str
    low: float
    high: float


@dataclass(frozen=True)
class Among:
    """One of some values: numbers; of METHOD and TARGETS words, the names of modules with + between them."""

    option: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Space:
    """All that is searched over. first: the values of the first trial, those that would be used without a search.
    own_rates: the bounds of the learning rate are for the method of `first`; another's are as far from its own rate."""

    dimensions: tuple[Between | Among, ...]
    first: Mapping[str, Value]
    own_rates: bool = False

    def applying(self, method: str) -> tuple[Between | Among, ...]:
        """What is to be drawn for a trial of `method`, with its bounds."""
        ranked = METHODS[method].has_rank
        found = (one for one in self.dimensions if ranked or one.option not in (RANK, TARGETS))
        return tuple(self._of(method, one) for one in found)

    def _of(self, method: str, one: Between | Among) -> Between | Among:
        if not (self.own_rates and isinstance(one, Between) and one.option == RATE):
            return one
        factor = METHODS[method].rate / METHODS[str(self.first.get(METHOD, method))].rate
        return Between(RATE, _short(one.low * factor), _short(one.high * factor))

    @property
    def words(self) -> str:
        """What it is, for people."""
        return ", ".join(_words(self, one) for one in self.dimensions)


def default_space(config: StudyConfig, rate: float, asked: Sequence[Between | Among] = ()) -> Space:
    """Learning rate, rank and how much faster the head learns, and what is asked for in place of these or beside them.

    rate: what a training takes without a search.
    """
    rank = config.lora.rank
    usual = (
        Between(RATE, _short(rate / SPAN), _short(rate * SPAN)),
        Among(RANK, tuple(sorted({*RANKS, rank}))),
        Between(HEAD, *HEAD_RATES),
    )
    dimensions = {one.option: one for one in (*usual, *asked)}
    own: dict[str, Value] = {
        METHOD: config.arms[0],
        RATE: rate,
        RANK: rank,
        HEAD: config.training.head_rate,
        BLOCKS: config.training.top_blocks or 0,
        TARGETS: "+".join(config.lora.target_modules or (ALL,)),
    }
    space = Space(
        tuple(dimensions[option] for option in OPTIONS if option in dimensions),
        {},
        own_rates=RATE not in {one.option for one in asked},
    )
    return replace(space, first={one.option: _nearest(one, own[one.option]) for one in space.applying(config.arms[0])})


def settled(asked: Sequence[Between | Among], blocks: int) -> tuple[Between | Among, ...]:
    """The same for a model of so many blocks: `all` and `half` of them as numbers, each once."""
    numbers = {ALL: 0, HALF: max(1, blocks // 2)}
    return tuple(
        Among(BLOCKS, tuple(dict.fromkeys(numbers.get(str(value), value) for value in one.values)))
        if isinstance(one, Among) and one.option == BLOCKS
        else one
        for one in asked
    )


def applied(config: StudyConfig, values: Mapping[str, Value]) -> StudyConfig:
    """The configuration with `values` by option. With the rank goes alpha, so that the update's scale stays."""
    for option, value in values.items():
        section, _, name = option.partition(".")
        if option == METHOD:
            config = replace(config, arms=(str(value), *config.arms[1:]))
            continue
        before = getattr(config, section)
        config = replace(config, **{section: replace(before, **_changes(option, name, before, value))})
    return config


def shown(option: str, value: Value) -> str:
    """A value of an option, for people."""
    if isinstance(value, str):
        return value
    return ALL if option == BLOCKS and value == 0 else f"{value:g}"


def _changes(option: str, name: str, before: Any, value: Value) -> dict[str, Any]:
    if option == TARGETS:
        return {name: None if value == ALL else tuple(str(value).split("+"))}
    if option == BLOCKS:
        return {name: int(value) or None}
    if option == RANK:
        return {name: int(value), "alpha": before.alpha * int(value) / before.rank}
    return {name: float(value)}


def _nearest(one: Between | Among, value: Value) -> Value:
    """Of the values that are searched over the one that is used without a search; the first one where it is none."""
    if isinstance(one, Between):
        return min(max(float(value), one.low), one.high)
    return value if value in one.values else one.values[0]


def _words(space: Space, one: Between | Among) -> str:
    name = NAMES.get(one.option, one.option)
    if isinstance(one, Between):
        if space.own_rates and _many_rates(space, one):
            return f"{name} up to {SPAN:g} times below and above each method's own"
        return f"{name} from {one.low:g} to {one.high:g}"
    return f"{name} among {', '.join(shown(one.option, value) for value in one.values)}"


def _many_rates(space: Space, one: Between) -> bool:
    """Whether the learning rate's bounds are not the same for all methods."""
    methods = next((each.values for each in space.dimensions if each.option == METHOD and isinstance(each, Among)), ())
    return one.option == RATE and len({METHODS[str(method)].rate for method in methods}) > 1


def _short(value: float) -> float:
    return float(f"{value:.3g}")
