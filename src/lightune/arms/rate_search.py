"""The learning rate of an adapter, searched for in short trainings that validation judges: the same for each method,
so that none loses by a bad default."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from lightune.catalogue import METHODS
from lightune.config import StudyConfig
from lightune.ranks import SOLO, Group
from lightune.records import RateTrial, from_json, to_json
from lightune.vouched import read_vouched, write_vouched

# Half a decade between two rates: three of them span one.
FACTOR = math.sqrt(10)
# Of the long training's steps, but enough to see a difference.
SHARE, LEAST_STEPS = 0.25, 20
VALIDATION_ROWS = 500
AUTOMATIC = 3


def rate_trials(config: StudyConfig) -> int:
    """How many learning rates each adapter tries: what was asked for, where one alone leaves nothing to choose; else
    none where one is given or there is only one adapter, which has nobody to lose to."""
    asked = config.methods.rate_trials
    if asked is not None:
        return asked if asked > 1 else 0
    adapters = sum(arm in METHODS for arm in config.arms)
    return AUTOMATIC if adapters > 1 and config.training.learning_rate is None else 0


def trial_steps(steps: int) -> int:
    """Optimizer steps of a trial for a training of `steps`."""
    return min(steps, max(round(SHARE * steps), LEAST_STEPS))


def search(
    first: float,
    count: int,
    attempt: Callable[[float], RateTrial],
    kept: Path,
    say: Callable[[str], None],
    group: Group = SOLO,
) -> tuple[RateTrial, ...]:
    """Try `count` rates around `first`, half a decade apart, and one more beyond the end if the best stands there.

    attempt: trains with a rate. kept: a JSON file where trials are kept, so that a run that was cut off does not repeat
    them. say: hears where that file is harmed. group: the processes that try together. Returns them in the order tried.
    """
    done = {trial.learning_rate: trial for trial in group.from_first(_read(kept, say) if group.first else [])}
    tried: list[RateTrial] = []

    def tried_at(rate: float) -> None:
        tried.append(done.get(rate) or attempt(rate))
        if group.first:
            write_vouched(kept, [to_json(trial) for trial in tried])

    grid = [_round(first * FACTOR ** (at - count // 2)) for at in range(count)]
    for rate in grid:
        tried_at(rate)
    best = best_rate(tried)
    if best is not None and count > 1 and best in (grid[0], grid[-1]):
        tried_at(_round(best * (FACTOR if best == grid[-1] else 1 / FACTOR)))
    return tuple(tried)


def best_rate(trials: Sequence[RateTrial]) -> float | None:
    """The rate with the lowest validation loss, the smaller one of two alike; None where all diverged."""
    finite = [trial for trial in trials if math.isfinite(trial.validation_loss)]
    if not finite:
        return None
    return min(finite, key=lambda trial: (trial.validation_loss, trial.learning_rate)).learning_rate


def _round(rate: float) -> float:
    """Three digits: a rate that people read, and the same float each time."""
    return float(f"{rate:.3g}")


def _read(kept: Path, say: Callable[[str], None]) -> list[RateTrial]:
    try:
        return [from_json(RateTrial, value) for value in read_vouched(kept)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError):
        say(f"{kept.name} is broken and is passed over; the learning rates are tried anew.")
        return []
