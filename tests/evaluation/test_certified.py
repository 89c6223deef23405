from __future__ import annotations

import math

from lightune.evaluation import certified_lines, inapplicable
from lightune.records import NOT_APPLICABLE, PASS, ArmResult, Certificate, CertifiedLine, Check, Inapplicable

from .ladder import arm


def certified(name: str, *checks: Check) -> ArmResult:
    return arm(name, certificate=Certificate(1, "0", name, "adapter", "float32", 9, 0, (), checks))


def test_lines_stand_in_the_order_of_first_appearance_with_the_largest_difference() -> None:
    arms = [
        arm("tfidf"),
        certified("lora", Check("padding", "left", PASS, 1e-7, 1e-5), Check("labels", "all", PASS)),
        certified("ia3", Check("merged", "both", PASS, 2e-6, 1e-4), Check("padding", "right", PASS, 3e-7, 1e-4)),
    ]
    assert certified_lines(arms) == (
        CertifiedLine("padding", ("left", "right"), (1e-5, 1e-4), 3e-7, "ia3"),
        CertifiedLine("labels", ("all",), (), None, None),
        CertifiedLine("merged", ("both",), (1e-4,), 2e-6, "ia3"),
    )
    assert certified_lines([arm("tfidf")]) == ()


def test_a_difference_that_is_no_number_is_the_largest() -> None:
    arms = [certified(name, Check("padding", "x", PASS, value)) for name, value in (("a", 1.0), ("b", math.nan))]
    (line,) = certified_lines([*arms, certified("c", Check("padding", "x", PASS, math.inf))])
    assert line.largest_arm == "b"


def test_lines_that_do_not_apply_for_one_reason_stand_together() -> None:
    def no(reason: str | None) -> Check:
        return Check("merged", "x", NOT_APPLICABLE, reason=reason)

    arms = [certified("a", no("no weight")), certified("b", no(None)), certified("c", no("no weight"))]
    assert inapplicable(arms) == (Inapplicable("merged", "no weight", ("a", "c")), Inapplicable("merged", "", ("b",)))
