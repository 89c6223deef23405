"""McNemar's test: do two arms differ in which of the same rows they have right?"""

from __future__ import annotations

from scipy.stats import binomtest


def mcnemar(wins: int, losses: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (McNemar 1947, Psychometrika 12:153).

    wins, losses: rows that only the first, only the second arm has right. If the arms are equally good, each such row
    is a fair coin, so wins follow Binomial(wins + losses, 1/2); rows that both have right or wrong say nothing. The
    test is conservative: it errs less often than its level says (Fagerland, Lydersen & Laake 2013, BMC Med Res Methodol
    13:91). 1.0 without any such row. Raises ValueError for negative counts.
    """
    if wins < 0 or losses < 0:
        raise ValueError(f"wins and losses of 0 or more are expected, got {wins} and {losses}.")
    if wins + losses == 0:
        return 1.0
    return float(binomtest(wins, wins + losses, 0.5).pvalue)
