"""Findings of a whole study."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lightune.records import (
    AloneRight,
    AnsweredRow,
    ArmResult,
    Behaviour,
    BehaviourFailure,
    BehaviourScore,
    BehaviourTest,
    Curve,
    CurvePoint,
    Findings,
    LabelIssue,
    LabelIssues,
    Metric,
    Overlap,
    Repeat,
    Slice,
)

TESTS = tuple(
    (capability, name, kind)
    for capability, name, kind in (
        ("negation", "negated praise is negative", "minimum functionality"),
        ("negation", "negated blame is positive", "minimum functionality"),
        ("intensity", "stronger words, stronger answer", "direction"),
        ("contrast", "the second half decides", "minimum functionality"),
        ("names", "another name", "invariance"),
        ("places", "another place", "invariance"),
        ("typos", "one swapped letter pair", "invariance"),
        ("additions", "an irrelevant sentence", "invariance"),
        ("time", "what used to be is over", "minimum functionality"),
        ("comparison", "better or worse than another", "minimum functionality"),
        ("questions", "asked and answered", "minimum functionality"),
        ("sentiment words", "plain praise and blame", "minimum functionality"),
        ("neutral words", "another neutral word", "invariance"),
        ("punctuation", "more exclamation marks", "invariance"),
        ("hearsay", "others said so, I do not", "minimum functionality"),
        ("mixed", "one more complaint", "direction"),
    )
)


def share(value: float, rows: int) -> Metric:
    half = 1.96 * math.sqrt(max(value * (1 - value), 0.25 / rows) / rows)
    return Metric(value, max(0.0, value - half), min(1.0, value + half))


def findings(arms: tuple[ArmResult, ...], labels: tuple[str, ...], rows: int) -> Findings:
    names = tuple(each.name for each in arms)
    right = {each.name: each.metrics["accuracy"].value for each in arms}
    return Findings(
        slices=slices(right, labels, rows),
        alone_right=alone(names, labels),
        label_issues=LabelIssues(
            "full",
            17,
            tuple(LabelIssue(f"i{i}-0", labels[0], labels[1], 0.01 + i / 500, 0.97 - i / 200) for i in range(8)),
            {name: share(min(1, value + 0.013), rows) for name, value in right.items()},
        ),
        overlap=Overlap(
            0.7,
            23,
            6,
            tuple(Repeat(f"o{i}-0", "train", 1 - i / 40, i != 2) for i in range(7)),
            {name: share(value, rows) for name, value in right.items()},
            {name: share(max(0, value - 0.004), rows - 23) for name, value in right.items()},
        ),
        behaviour=behaviour(names) if len(labels) == 2 else Behaviour("english sentiment", left_out="77 labels"),
        curves=curves(),
        left_out={"negation slices": "the texts are not English"} if len(labels) > 2 else {},
    )


def slices(right: Mapping[str, float], labels: tuple[str, ...], rows: int) -> tuple[Slice, ...]:
    parts = [("length", name) for name in ("1 to 41 words", "42 to 90 words", "91 to 203 words", "204 words and more")]
    parts += [("cut", "cut"), ("cut", "not cut"), ("negation", "with negation"), ("negation", "without negation")]
    parts += [("label", label) for label in labels]
    return tuple(
        Slice(
            group,
            name,
            rows // 4,
            {each: share(min(0.99, max(0, value + 0.05 * math.sin(at))), rows // 4) for each, value in right.items()},
        )
        for at, (group, name) in enumerate(parts)
    )


def alone(names: tuple[str, ...], labels: tuple[str, ...]) -> tuple[AloneRight, ...]:
    return tuple(
        AloneRight(
            name,
            4 * at,
            tuple(
                AnsweredRow(f"a{name}{i}-0", labels[0], {other: labels[int(other != name)] for other in names})
                for i in range(min(5, 4 * at))
            ),
        )
        for at, name in enumerate(names)
    )


def behaviour(names: tuple[str, ...]) -> Behaviour:
    def score(at: int, place: int) -> BehaviourScore:
        rate = (0.07 * at + 0.09 * place) % 0.9
        failures = round(rate * 60)
        texts = (
            ("Anna thought the food at the harbour was not bad at all.", "Maria thought the food was not bad at all."),
            ("I would not say that this hotel is worth a second night.", None),
        )
        shown = tuple(BehaviourFailure(text, changed, "positive", "negative") for text, changed in texts)
        return BehaviourScore(failures, share(rate, 60), shown if failures else ())

    tests = tuple(
        BehaviourTest(capability, name, kind, 60, {arm_: score(at, place) for place, arm_ in enumerate(names)})
        for at, (capability, name, kind) in enumerate(TESTS)
    )
    return Behaviour("english sentiment", tests, None, {"api": "a file of predictions answers no new texts"})


def curves() -> tuple[Curve, ...]:
    sizes = (50, 100, 200, 400, 900, 1800, 3600)

    def points(ceiling: float, gap: float, rate: float) -> tuple[CurvePoint, ...]:
        law = [ceiling - gap * size**-rate for size in sizes]
        return tuple(CurvePoint(size, (y - 0.008, y + 0.011)) for size, y in zip(sizes, law, strict=True))

    return (
        Curve(
            "tfidf",
            points(0.88, 1.1, 0.36),
            {"ceiling": 0.88, "gap": 1.1, "rate": 0.36},
            Metric(0.012, 0.006, 0.021),
        ),
        Curve("lora", points(0.87, 1.6, 0.4), {"ceiling": 0.87, "gap": 1.6, "rate": 0.4}, Metric(0.014, -0.002, 0.03)),
        Curve("full", points(0.9, 0.9, 0.3)[:2], {}, None, "two points are too few for a curve of three parameters"),
    )
