"""Values of the next trial: drawn at random at first, then where earlier ones did well."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from lightune.search.optunas import load_optuna, quiet_optuna
from lightune.search.space import METHOD, Among, Between, Space
from lightune.search.trial import RUNNING, Searched, Trial, Value

# Trials before the sampler learns from what they gave.
STARTUP = 8


def propose(space: Space, searched: Searched, seed: int, method: str) -> Mapping[str, Value]:
    """The values of the trial after those of `searched`; the first one's are the space's own.

    By a tree-structured Parzen estimator (Bergstra et al. 2011; optuna's). The same trials and seed give the same
    values, whatever process asks. method: of the trials where none is drawn.
    """
    trials = searched.trials
    if not trials:
        return dict(space.first)
    with quiet_optuna() as optuna:
        sampler = optuna.samplers.TPESampler(n_startup_trials=STARTUP, seed=(100_003 * seed + len(trials)) % 2**32)
        study = optuna.create_study(sampler=sampler, direction="minimize")
        for trial in trials:
            study.add_trial(_told(optuna, trial, distributions(space, trial.values, method), searched.lower))
        drawn = study.ask()
        values: dict[str, Value] = {}
        methods = next((one for one in space.dimensions if one.option == METHOD), None)
        if methods is not None:  # first, since what else there is to draw depends on it
            values[METHOD] = _drawn(drawn, methods)
        for one in space.applying(str(values.get(METHOD, method))):
            if one.option != METHOD:
                values[one.option] = _drawn(drawn, one)
    return values


def distributions(space: Space, values: Mapping[str, Value], method: str) -> dict[str, Any]:
    """What a trial with these values was drawn from, in optuna's words. method: where the values have none."""
    optuna = load_optuna()
    return {
        one.option: _distribution(optuna, one)
        for one in space.applying(str(values.get(METHOD, method)))
        if one.option in values
    }


def _drawn(trial: Any, one: Between | Among) -> Value:
    if isinstance(one, Between):
        value = float(f"{trial.suggest_float(one.option, one.low, one.high, log=True):.3g}")
        return min(max(value, one.low), one.high)
    found: Value = trial.suggest_categorical(one.option, one.values)
    return found


def _told(optuna: ModuleType, trial: Trial, drawn_from: Mapping[str, Any], lower: bool) -> Any:
    """A trial in optuna's words: all that came to a rung count as pruned, by which those that came further count for
    more, and those that are on the way to one as running."""
    states = optuna.trial.TrialState
    return optuna.trial.create_trial(
        state=states.RUNNING if trial.state == RUNNING and not trial.scores else states.PRUNED,
        params=dict(trial.values),
        distributions=dict(drawn_from),
        intermediate_values={rung: score if lower else -score for rung, score in enumerate(trial.scores)},
    )


def _distribution(optuna: ModuleType, dimension: Between | Among) -> Any:
    if isinstance(dimension, Between):
        return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=True)
    return optuna.distributions.CategoricalDistribution(dimension.values)
