"""Values of the next trial: drawn at random at first, then where earlier ones did well. The only place that imports
optuna."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lightune.errors import ConfigError
from lightune.search.space import Between, Space
from lightune.search.trial import Trial

INSTALL = "pip install 'lightune[search]'"
# Trials before the sampler learns from what they gave.
STARTUP = 8


def check_installed() -> None:
    """Raise ConfigError, saying what to install, where optuna is missing."""
    _optuna()


def propose(space: Space, trials: Sequence[Trial], seed: int, lower: bool) -> Mapping[str, float]:
    """The values of the trial after `trials`; the first one's are the space's own.

    By a tree-structured Parzen estimator (Bergstra et al. 2011; optuna's). The same trials and seed give the same
    values, whatever process asks. lower: whether less is better.
    """
    if not trials:
        return dict(space.first)
    optuna = _optuna()
    with _quiet(optuna):
        sampler = optuna.samplers.TPESampler(n_startup_trials=STARTUP, seed=(100_003 * seed + len(trials)) % 2**32)
        study = optuna.create_study(sampler=sampler, direction="minimize")
        distributions = {one.option: _distribution(optuna, one) for one in space.dimensions}
        for trial in trials:
            study.add_trial(_told(optuna, trial, distributions, lower))
        values = study.ask(distributions).params
    return {
        one.option: float(f"{values[one.option]:.3g}") if isinstance(one, Between) else values[one.option]
        for one in space.dimensions
    }


def _told(optuna: Any, trial: Trial, distributions: Mapping[str, Any], lower: bool) -> Any:
    """A trial in optuna's words: all count as pruned, by which those that came further count for more."""
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.PRUNED,
        params={name: _within(trial.values[name], one) for name, one in distributions.items()},
        distributions=distributions,
        intermediate_values={rung: score if lower else -score for rung, score in enumerate(trial.scores)},
    )


def _within(value: float, distribution: Any) -> Any:
    """Numbers that went through JSON as the sampler gave them."""
    if hasattr(distribution, "choices"):
        return next(choice for choice in distribution.choices if choice == value)
    return min(max(value, distribution.low), distribution.high)


def _distribution(optuna: Any, dimension: Any) -> Any:
    if isinstance(dimension, Between):
        return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=True)
    return optuna.distributions.CategoricalDistribution(dimension.values)


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(f"lightune search: the package optuna is needed: {INSTALL}") from error
    return optuna
