"""What of a search can be known to be wrong before anything is written or any weight is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from lightune.arms import arm_kind
from lightune.catalogue import METHODS
from lightune.config import StudyConfig
from lightune.errors import ConfigError
from lightune.records import Splits
from lightune.search.budget import Budget
from lightune.search.optunas import load_optuna
from lightune.search.space import BLOCKS, METHOD, TARGETS, Among, Between, Space, applied, settled
from lightune.search.trial import Value
from lightune.study.preflight import check_methods, check_model

LOCAL, RAY = "local", "ray"


@dataclass(frozen=True)
class Place:
    """Where trials are kept and trained. storage: the URL of a database; None: a file in the study's folder. workers:
    so many trials are trained at once, each in a process of its own where there are several. executor: `local`, or
    `ray` for the nodes of the cluster at `address` (as in `clusters.connected`), which see `out` at the same path."""

    storage: str | None = None
    workers: int = 1
    executor: str = LOCAL
    address: str | None = None


# A file in the study's folder, and this process.
HERE = Place()


def check_search(config: StudyConfig, budget: Budget, place: Place) -> None:
    """Raise ConfigError for what cannot be searched."""
    load_optuna()
    budget.check()
    if place.workers < 1:
        raise ConfigError(f"--workers: at least 1 is expected, got {place.workers}.")
    if place.executor not in (LOCAL, RAY):
        raise ConfigError(f"--executor: {LOCAL} or {RAY} is expected, got {place.executor!r}.")
    if place.address is not None and place.executor != RAY:
        raise ConfigError(f"--address {place.address}: it is a Ray cluster's; give --executor {RAY} too.")
    others = [arm for arm in config.arms[1:] if arm_kind(arm).trained]
    if others:
        raise ConfigError(
            f"--arms {others[0]}: arms that are not trained are expected beside the searched one, since its settings "
            "would be another's. Add it to the folder with lightune study afterwards."
        )
    if config.data.folds is not None or config.curve.sizes or config.seeds != 1:
        raise ConfigError("lightune search: one test split, one seed and no curve are expected.")


def checked_space(
    config: StudyConfig, space: Space | Sequence[Between | Among], splits: Splits
) -> tuple[Space | tuple[Between | Among, ...], str | None]:
    """The space with its blocks as numbers, and the digest of the model's weights. Raises InputError for a method,
    blocks or modules that the model cannot be searched over."""
    methods = choices(config, space, METHOD)
    for method in methods:
        found = METHODS.get(str(method))
        if found is None or not found.searchable:
            known = ", ".join(name for name, one in METHODS.items() if one.searchable)
            raise ConfigError(f"--method: one of {known} is expected, got {str(method)!r}.")
    if config.arms[0] not in methods:
        raise ConfigError(
            f"--method {config.arms[0]}: one of those that are searched over, {', '.join(map(str, methods))}, is "
            "expected: it is the first trial's."
        )
    from lightune.models import find_model

    source = find_model(config.model.source)
    blocks = int(getattr(source.config, "num_hidden_layers", 1))
    space = space if isinstance(space, Space) else settled(space, blocks)
    digest, seen = None, False
    options = (METHOD, BLOCKS, TARGETS)
    for values in product(*(choices(config, space, option) for option in options)):
        given = {option: value for option, value in zip(options, values, strict=True) if value is not None}
        if not METHODS[str(values[0])].has_rank:
            given.pop(TARGETS, None)
        if seen:
            check_methods(applied(config, given), source, splits)
        else:
            digest, seen = check_model(applied(config, given), splits), True
    return space, digest


def choices(
    config: StudyConfig, space: Space | Sequence[Between | Among], option: str
) -> tuple[Value, ...] | tuple[None]:
    """What is searched over of an option that has words or whole numbers; what the configuration has where it is not
    searched over, None for its own."""
    dimensions = space.dimensions if isinstance(space, Space) else space
    for one in dimensions:
        if one.option == option and isinstance(one, Among):
            return one.values
    return (config.arms[0],) if option == METHOD else (None,)
