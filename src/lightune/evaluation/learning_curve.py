"""Is more data worth it: a saturating power law through accuracies at growing train sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightune.evaluation.bootstrap import check_resamples
from lightune.evaluation.counts import Floats
from lightune.evaluation.intervals import percentile_interval
from lightune.records import Curve, CurvePoint

# Three parameters go through any three points: the fourth is the first that could speak against the curve.
LEAST_SIZES = 4
RATES = np.geomspace(0.01, 2.0, 500)


def learning_curve(arm: str, points: Sequence[CurvePoint], rows: int, resamples: int = 1000, seed: int = 0) -> Curve:
    """Fit accuracy(n) = ceiling - gap * n ** -rate, and say what twice the rows of the largest size would add.

    points: one for each train size, with the accuracies of its seeds, all on the same test rows. rows: how many
    these are. seed: the bootstrap's own.

    A saturating power law fits the learning curves of most classifiers (Figueroa et al. 2012; Hestness et al. 2017).
    Least squares with 0 <= ceiling <= 1, gap >= 0 and 0.01 <= rate <= 2, each size weighted by its seeds over the
    binomial variance a (1 - a); so more rows never harm on the curve, and on a flat one rate means nothing. doubling:
    the fitted, not the observed, accuracy at twice the largest size minus that at the largest, with the 95 % percentile
    interval of the fits to resampled points (`_resampled`). It holds the chance of trainings and test rows, not the
    doubt that the curve goes on like this. In simulations it covers the truth 90 times of 100 and more.

    With fewer than four sizes nothing is fitted, and `reason` says so. Raises ValueError for accuracies that are absent
    or outside 0 to 1, a size below 1 or twice, rows or resamples below 1.
    """
    check_resamples(resamples)
    _check(points, rows)
    points = tuple(sorted(points, key=lambda point: point.train_size))
    if len(points) < LEAST_SIZES:
        return Curve(arm, points, reason=_too_few(points))
    sizes = np.array([point.train_size for point in points], dtype=np.float64)
    means = np.array([np.mean(point.accuracy) for point in points])
    weights = np.array([len(point.accuracy) for point in points]) / _smoothed(means, rows)
    best = _fit(sizes, means[None, :], weights)
    drawn = _fit(sizes, _resampled(points, means, rows, resamples, np.random.default_rng(seed)), weights)
    fitted = {"ceiling": float(best.ceiling[0]), "gap": float(best.gap[0]), "rate": float(best.rate[0])}
    doubling = percentile_interval(float(best.doubling(sizes[-1])[0]), drawn.doubling(sizes[-1]))
    return Curve(arm, points, fitted, doubling)


def _too_few(points: Sequence[CurvePoint]) -> str:
    there = f"{len(points)} ({', '.join(f'{point.train_size:,}' for point in points)})" if points else "none"
    return f"A curve needs {LEAST_SIZES} train sizes or more, there are {there}."


@dataclass(frozen=True)
class _PowerLaws:
    """b curves; each field [b]."""

    ceiling: Floats
    gap: Floats
    rate: Floats

    def doubling(self, size: float) -> Floats:
        """Return the accuracy at twice `size` minus that at `size`: [b]."""
        return np.asarray(self.gap * (size**-self.rate - (2 * size) ** -self.rate))


def _fit(sizes: Floats, means: Floats, weights: Floats) -> _PowerLaws:
    """Fit each line of means [b, sizes] by weighted least squares.

    For a given rate the best ceiling and gap are a linear regression on n ** -rate, so only the rate is searched for,
    on a grid (variable projection, Golub & Pereyra 1973). A thousand fits take a tenth of a second, each ends at its
    best, and none fails. scipy's curve_fit takes some 10 ms for one and can do neither; where it ends well, the curves
    are the same.
    """
    # Relative to the smallest size, so that the regressor is 1 there, whatever the rate. Weighted moments suffice.
    powers = (sizes / sizes[0]) ** -RATES[:, None]
    share = weights / weights.sum()
    power, power_2, mean, mean_2 = powers @ share, powers**2 @ share, (means @ share)[:, None], means**2 @ share
    product = (means * share) @ powers.T
    gap = np.maximum((mean * power - product) / (power_2 - power**2), 0.0)
    ceiling = mean + gap * power
    # Where the best ceiling is above 1, the best of those allowed is 1; where the gap is below 0, it is 0.
    gap, ceiling = np.where(ceiling > 1, (power - product) / power_2, gap), np.minimum(ceiling, 1.0)
    errors = mean_2[:, None] + ceiling**2 + gap**2 * power_2 + 2 * (gap * product - ceiling * (mean + gap * power))
    chosen = errors.argmin(axis=1)
    at = np.arange(len(means)), chosen
    return _PowerLaws(ceiling[at], gap[at] * sizes[0] ** RATES[chosen], RATES[chosen])


def _smoothed(means: Floats, rows: int) -> Floats:
    """Return a (1 - a) of each mean, kept off 0 where all rows are right."""
    share = (means * rows + 1) / (rows + 2)
    return np.asarray(share * (1 - share))


def _resampled(
    points: Sequence[CurvePoint], means: Floats, rows: int, resamples: int, generator: np.random.Generator
) -> Floats:
    """Return mean accuracies [resamples, sizes] as other trainings on other test rows might have given them.

    Trainings: a seed's accuracy varies about its size's by phi a (1 - a), with one phi for all sizes (quasi-binomial,
    McCullagh & Nelder 1989, 4.5), which the variance between seeds gives with as many degrees of freedom as there are
    seeds beyond the first of each size; drawn from Student's t with these, since phi is itself uncertain. Where
    every size has one seed, phi is 1 / rows: as if all test rows changed at random from size to size.

    Test rows: they are the same at every size, so their noise is too. A row is easy or hard: each has the share u of
    easier rows, uniform, and is right at the sizes whose accuracy is above u. So a sample of easy rows lifts all sizes,
    and the difference of two varies only by the rows between them. What makes rows flip back and forth beyond that is
    part of the variance between seeds already.
    """
    variance = _smoothed(means, rows)
    seeds = np.array([len(point.accuracy) for point in points])
    freedom = int((seeds - 1).sum())
    phi, scale = 1 / rows, np.ones(resamples)
    if freedom:
        squares = np.array([np.square(np.subtract(point.accuracy, np.mean(point.accuracy))).sum() for point in points])
        phi = float((squares / variance).sum() / freedom)
        scale = np.sqrt(freedom / generator.chisquare(freedom, size=resamples))
    trainings = scale[:, None] * np.sqrt(phi * variance / seeds) * generator.standard_normal((resamples, len(points)))
    order = np.argsort(means, kind="stable")
    # How many rows lie between one size's accuracy and the next is all that matters of the u.
    between = np.diff(means[order], prepend=0.0, append=1.0)
    shares = generator.multinomial(rows, between, size=resamples)[:, :-1].cumsum(axis=1) / rows
    test_rows = np.empty_like(trainings)
    test_rows[:, order] = shares - means[order]
    return np.asarray(np.clip(means + trainings + test_rows, 0.0, 1.0))


def _check(points: Sequence[CurvePoint], rows: int) -> None:
    if rows < 1:
        raise ValueError(f"rows: at least 1 is expected, got {rows}.")
    sizes = [point.train_size for point in points]
    if len(set(sizes)) != len(sizes) or min(sizes, default=1) < 1:
        raise ValueError(f"points: train sizes of at least 1, each once, are expected, got {sizes}.")
    for point in points:
        if not point.accuracy or not all(0 <= value <= 1 for value in point.accuracy):
            raise ValueError(
                f"points: accuracies from 0 to 1 are expected, size {point.train_size} has {point.accuracy}."
            )
