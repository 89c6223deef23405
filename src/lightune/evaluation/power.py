"""How small a difference a test set can show."""

from __future__ import annotations

import math

from scipy.stats import norm


def detectable_difference(rows: int, discordant: float, level: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest difference in accuracy, as a share, that McNemar's test finds on `rows` rows at that power.

    discordant: psi, the share of rows on which exactly one arm is right. level: of the two-sided test. By the normal
    approximation rows = (z_level sqrt(psi) + z_power sqrt(psi - d^2))^2 / d^2 (Miettinen 1968, Biometrics 24:339;
    Connor 1987, Biometrics 43:207), solved for d. At that d, asked for 80 %, the mid-p test has 79 to 89 % power from
    20 rows on, the exact test, which is conservative, 74 to 80 %. Holm's correction takes some of it away.

    A difference is never larger than the share of rows on which the arms differ. Where psi is so small that not even
    all of it on one side would be found, none of that size can be; the answer is then the smallest d found with
    psi = d, all on one side: how far apart the arms would have to be. That holds for psi = 0 too. 1.0, the largest
    difference there is, where nothing these rows could show would be found: with 5 rows or fewer even the exact test's
    smallest p is above 0.05.

    Raises ValueError unless rows >= 1, 0 <= discordant <= 1 and 0 < level < power < 1.
    """
    if rows < 1 or not 0 <= discordant <= 1:
        raise ValueError(f"rows >= 1 and a discordant share from 0 to 1 are expected, got {rows} and {discordant}.")
    if not 0 < level < power < 1:
        raise ValueError(f"0 < level < power < 1 is expected, got a level of {level} and a power of {power}.")
    if 2 * 0.5**rows > level:
        return 1.0
    z_level, z_power = float(norm.isf(level / 2)), float(norm.ppf(power))
    share = max(discordant, _one_sided(rows, z_level, z_power))
    root = math.sqrt(rows - z_level**2 + z_power**2)
    return min(1.0, math.sqrt(share) * (z_level * math.sqrt(rows) + z_power * root) / (rows + z_power**2))


def _one_sided(rows: int, z_level: float, z_power: float) -> float:
    """Return the d that solves the equation above with psi = d.

    It is then quadratic in u = sqrt(1 - d): (rows + z_power^2) u^2 + 2 z_level z_power u + z_level^2 - rows = 0.
    """
    product = z_level * z_power
    spread = max(0.0, product**2 + (rows + z_power**2) * (rows - z_level**2))
    u = max(0.0, (math.sqrt(spread) - product) / (rows + z_power**2))
    return 1 - u**2
