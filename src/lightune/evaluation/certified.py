"""Certificates side by side: every line that any of them has, over all arms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightune.records import NOT_APPLICABLE, ArmResult, CertifiedLine, Inapplicable


def certified_lines(arms: Sequence[ArmResult]) -> tuple[CertifiedLine, ...]:
    """Each line by its name, in the order of first appearance, with the largest difference that any arm has in it."""
    names = dict.fromkeys(check.name for arm in arms if arm.certificate for check in arm.certificate.checks)
    return tuple(_line(name, arms) for name in names)


def inapplicable(arms: Sequence[ArmResult]) -> tuple[Inapplicable, ...]:
    """The lines that do not apply, arms with the same reason together."""
    found: dict[tuple[str, str], list[str]] = {}
    for arm in arms:
        for check in arm.certificate.checks if arm.certificate else ():
            if check.outcome == NOT_APPLICABLE:
                found.setdefault((check.name, check.reason or ""), []).append(arm.name)
    return tuple(Inapplicable(check, reason, tuple(names)) for (check, reason), names in found.items())


def _line(name: str, arms: Sequence[ArmResult]) -> CertifiedLine:
    lines = [
        (arm.name, check)
        for arm in arms
        if arm.certificate is not None
        for check in arm.certificate.checks
        if check.name == name
    ]
    measured = [(check.difference, arm) for arm, check in lines if check.difference is not None]
    # NaN is no difference that could be compared; it is worse than any.
    worst = max(measured, key=lambda each: (math.isnan(each[0]), each[0]), default=None)
    return CertifiedLine(
        name=name,
        compared=tuple(dict.fromkeys(check.compared for _, check in lines)),
        tolerances=tuple(sorted({check.tolerance for _, check in lines if check.tolerance is not None})),
        largest=worst[0] if worst else None,
        largest_arm=worst[1] if worst else None,
    )
