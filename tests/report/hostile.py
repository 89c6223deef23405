"""A study with the same string in every place that a user or the outer world fills."""

from __future__ import annotations

from dataclasses import replace

from lightune.records import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    AloneRight,
    AnsweredRow,
    Behaviour,
    BehaviourFailure,
    BehaviourScore,
    BehaviourTest,
    Certificate,
    Check,
    Curve,
    CurvePoint,
    Findings,
    Frontier,
    LabelIssue,
    LabelIssues,
    Overlap,
    Repeat,
    Scores,
    SeedComparison,
    Slice,
    SplitFacts,
    StudyResult,
)

from . import factory, many_methods, studies
from .found import share

OUTCOMES = (FAIL, PASS, NOT_APPLICABLE)


def hostile(evil: str) -> StudyResult:
    """Two arms with results and one that failed; all sections, all folded groups."""
    labels = (f"{evil}0", f"{evil}1")
    facts = replace(
        factory.data(labels),
        source=evil,
        text_column=evil,
        label_column=evil,
        fingerprint=evil,
        notes=(evil,),
        splits={**factory.data(labels).splits, evil: SplitFacts(3, {evil: 3}, 0, 0)},
    )
    arm = replace(
        factory.lora(),
        name=evil,
        notes=(evil,),
        stock_route=evil,
        splits={evil: Scores(3, factory.metrics(0.5, 3), factory.confusion(0.5, 2, 4))},
        cut_rows={evil: 1},
        training=replace(factory.training(), recipe=recipe(evil), selected_by=evil),
        seeds=factory.seed_scores((0.8, 0.7), 10),
        validation_use=evil,
        calibration=studies.calibration(0.8, 1000),
    )
    arm = replace(arm, certificate=certificate(evil))
    other = replace(arm, name=f"{evil}d", training=replace(arm.training, trials=many_methods.TRIALS), splits={})
    failed = factory.failed(f"{evil}c", evil)
    arms = (arm, replace(factory.pretrained(), name=f"{evil}b"), failed, other)
    pair = factory.comparison(a=evil, b=f"{evil}b", labels=labels)
    return replace(
        factory.study(arms, (pair,), facts),
        config={"model": {"source": evil}, evil: [evil]},
        environment={evil: {evil: evil}},
        seed_comparisons=(
            SeedComparison(evil, f"{evil}b", 2, 1, 1000, pair.delta_accuracy, pair.delta_f1, 0.01, 0.01),
        ),
        frontiers=tuple(Frontier(cost, (f"{evil}b", evil)) for cost in ("seconds", evil)),
        findings=findings(evil, labels),
    )


def certificate(evil: str) -> Certificate:
    checks = tuple(Check(f"{evil}{at}", evil, outcome, 0.5, 1e-5, evil) for at, outcome in enumerate(OUTCOMES))
    return Certificate(1, evil, evil, evil, evil, 9, 1, (evil,), checks, {evil: evil})


def recipe(evil: str) -> dict[str, object]:
    return {evil: evil, "list": [evil], "map": {evil: evil}}


def findings(evil: str, labels: tuple[str, ...]) -> Findings:
    accuracy = {evil: share(0.8, 100), f"{evil}b": share(0.5, 100)}
    said = {evil: labels[0], f"{evil}b": labels[1]}
    failure = BehaviourFailure(evil, evil, evil, evil)
    test = BehaviourTest(evil, evil, evil, 50, {evil: BehaviourScore(5, share(0.1, 50), (failure,))})
    points = tuple(CurvePoint(size, (0.6, 0.7)) for size in (10, 20))
    return Findings(
        slices=(Slice(evil, evil, 100, accuracy), Slice("length", evil, 100, accuracy)),
        alone_right=(AloneRight(evil, 1, (AnsweredRow("alone-0", labels[0], said),)),),
        label_issues=LabelIssues(evil, 1, (LabelIssue("issue-0", labels[0], labels[1], 0.1, 0.9),), accuracy),
        overlap=Overlap(0.8, 1, 1, (Repeat("repeat-0", evil, 1.0, False),), accuracy, accuracy),
        behaviour=Behaviour(evil, (test,), evil, {f"{evil}b": evil}),
        curves=(Curve(evil, points, {}, None, evil),),
        left_out={evil: evil},
    )
