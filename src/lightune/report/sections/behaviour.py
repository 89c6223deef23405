"""Behaviour checks: does an arm do what any reader would expect of it?"""

from __future__ import annotations

from collections.abc import Sequence

from lightune.records import Behaviour, BehaviourTest, StudyResult
from lightune.report import format as show
from lightune.report.document import Answer, Block, Bullets, Cell, Column, Group, Paragraph, Quote, Section, Table
from lightune.report.escape import capital, excerpt, sentence, short
from lightune.report.quoting import open_and_folded
from lightune.report.runs import first_run
from lightune.report.vocabulary import arm_column, interval

_MOST_QUOTES = 300
_KINDS = {
    "minimum functionality": ", easy cases with a known answer",
    "invariance": ", a change that should change nothing",
    "direction": ", a change that should move the answer one way",
}


def behaviour_section(result: StudyResult) -> Section | None:
    """The failure rate of every arm on every test, what was left out, and cases that failed."""
    behaviour = result.findings.behaviour
    if behaviour is None:
        return None
    blocks: list[Block] = []
    if behaviour.left_out is not None:
        blocks.append(Paragraph(f"The behaviour checks did not run. {sentence(behaviour.left_out)}"))
    if behaviour.left_out_arms:
        blocks.append(Bullets(tuple(f"{short(a)} was not asked. {sentence(b)}" for a, b in _omitted(behaviour))))
    if behaviour.tests:
        arms = [arm.name for arm in result.arms if any(arm.name in test.scores for test in behaviour.tests)]
        kinds = dict.fromkeys(test.kind for test in behaviour.tests)
        blocks += [_table(kind, [test for test in behaviour.tests if test.kind == kind], arms) for kind in kinds]
        blocks += _failures(behaviour.tests)
    return Section(
        anchor="behaviour",
        title="Behaviour checks",
        read="How many cases of each test fail: the stronger the colour, the more. An arm that guesses fails "
        "many easy cases, one that always says the same passes every test of invariance: read the kinds together.",
        computed=f"Suite {short(behaviour.suite)}, in the manner of CheckList (Ribeiro and others 2020); the "
        f"{first_run(result)}, 95 % Wilson intervals. The cases come from templates: they probe, they are no sample of "
        "your texts.",
        blocks=tuple(blocks),
    )


def _omitted(behaviour: Behaviour) -> list[tuple[str, str]]:
    return list(behaviour.left_out_arms.items())


def _table(kind: str, tests: Sequence[BehaviourTest], arms: Sequence[str]) -> Table:
    told = f"{capital(short(kind))}{_KINDS.get(kind, '')}"
    return Table(
        f"{told}: cases that failed, with 95 % intervals",
        (Column("Test", numeric=False), *(arm_column(arm) for arm in arms), Column("Cases")),
        tuple(
            (
                Cell(capital(short(test.capability)), aside=short(test.name)),
                *(_cell(test, arm) for arm in arms),
                Cell(show.count(test.cases)),
            )
            for test in tests
        ),
    )


def _cell(test: BehaviourTest, arm: str) -> Cell:
    score = test.scores.get(arm)
    if score is None or not show.defined(score.rate.value):
        return Cell(show.DASH, why="not asked")
    return Cell(show.percent(score.rate.value), aside=interval(score.rate, show.bare_percent), heat=score.rate.value)


def _failures(tests: Sequence[BehaviourTest]) -> list[Block]:
    most = max(1, _MOST_QUOTES // len(tests))
    blocks: list[Block] = []
    for test in tests:
        quotes = _quotes(test)[:most]
        if quotes:
            title = f"{capital(short(test.capability))}, {short(test.name)}"
            blocks.append(Group(title, open_and_folded(quotes), level=4, folded=True))
    return [Group("Cases that failed, by test", tuple(blocks), folded=True)] if blocks else []


def _quotes(test: BehaviourTest) -> tuple[Quote, ...]:
    """Each case once, with all arms that failed it."""
    cases: dict[tuple[str, str | None], list[Answer]] = {}
    for arm, score in test.scores.items():
        for failure in score.shown:
            answer = Answer(short(arm), short(failure.got), f"expected: {short(failure.expected)}", False)
            cases.setdefault((failure.text, failure.changed), []).append(answer)
    return tuple(
        Quote(excerpt(text)[0], answers=tuple(answers), changed=None if changed is None else excerpt(changed)[0])
        for (text, changed), answers in cases.items()
    )
