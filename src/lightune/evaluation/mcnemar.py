"""McNemar's test: do two arms differ in which of the same rows they have right?"""

from __future__ import annotations

from scipy.stats import binom, binomtest


def mcnemar(wins: int, losses: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (McNemar 1947, Psychometrika 12:153).

    wins, losses: rows that only the first, only the second arm has right. If the arms are equally good, each such row
    is a fair coin, so wins follow Binomial(wins + losses, 1/2); rows that both have right or wrong say nothing. The
    test is conservative: it errs less often than its level says (Fagerland, Lydersen & Laake 2013, BMC Med Res Methodol
    13:91). 1.0 without any such row. Raises ValueError for negative counts.
    """
    _check_counts(wins, losses)
    if wins + losses == 0:
        return 1.0
    return float(binomtest(wins, wins + losses, 0.5).pvalue)


def mcnemar_mid_p(wins: int, losses: int) -> float:
    """Return the two-sided mid-p-value of McNemar's test (Lancaster 1961, JASA 56:223; Fagerland et al. 2013).

    wins, losses: as in `mcnemar`. An outcome as far out as the one seen counts half, so the test errs about as often as
    its level says and not less, at the price that it may err a little more often. 1.0 without any such row. Raises
    ValueError for negative counts.
    """
    _check_counts(wins, losses)
    if wins + losses == 0:
        return 1.0
    fewer, n = min(wins, losses), wins + losses
    return float(2 * binom.cdf(fewer, n, 0.5) - binom.pmf(fewer, n, 0.5))


def _check_counts(wins: int, losses: int) -> None:
    if wins < 0 or losses < 0:
        raise ValueError(f"wins and losses of 0 or more are expected, got {wins} and {losses}.")
