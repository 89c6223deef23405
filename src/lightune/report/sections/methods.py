"""Methods of fine-tuning on equal terms, or what is unequal about them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightune.evaluation import frontiers, method_terms, unequal_terms
from lightune.records import DEFAULT, SEARCHED, ArmResult, Cost, RateTrial, StudyResult, Terms, UnequalTerm
from lightune.report import format as show
from lightune.report.document import Block, Bullets, Cell, Column, Figure, Group, Paragraph, Section, Table
from lightune.report.escape import capital, short
from lightune.report.pictures.cast import cast_of
from lightune.report.pictures.costs import accuracy_against_cost, broken_scales
from lightune.report.pictures.prices import METHOD_PRICES
from lightune.report.runs import first_run
from lightune.report.vocabulary import MetricWords, arm_cell, metric_words

_LEAST_ADAPTERS = 2


def methods_section(result: StudyResult) -> Section | None:
    """The fine-tuned arms as methods: what each reached, trained and took; None below two adapters."""
    if not comparable(result):
        return None
    terms = method_terms(result)
    blocks: list[Block] = [*_equality(result, terms), _table(result, terms), *_figure(result, terms), *_trials(terms)]
    return Section(
        anchor="methods",
        title="Methods on equal terms",
        read="Fine-tuned arms alone, in the study's order. Two whose intervals overlap may still differ: see their "
        "comparison. A method that is off the line in every picture is dearer than another and no better.",
        computed=f"Accuracy and F1 as in the ladder; all else of the {first_run(result)}. Training time holds the "
        "search for the learning rate, which was judged on validation rows.",
        blocks=tuple(blocks),
    )


def comparable(result: StudyResult) -> bool:
    """Whether there are methods to compare: two adapters at least that are done."""
    return sum(each.adapter for each in method_terms(result)) >= _LEAST_ADAPTERS


def _equality(result: StudyResult, terms: Sequence[Terms]) -> list[Block]:
    """Whether the methods had the same terms, and if not, which had what."""
    unequal = unequal_terms(result)
    if not unequal:
        how = {SEARCHED: "searched for in as many trials", DEFAULT: "its default"}.get(terms[0].rate_from, "given")
        return [
            Paragraph(
                f"All {len(terms)} were trained on equal terms: the same rows, seeds, planned steps and settings of "
                f"the training, and a learning rate that was {how}."
            )
        ]
    warning = "The terms differ, so a difference between these arms need not be one between the methods."
    return [Paragraph(warning, "bad"), Bullets(tuple(_difference(each) for each in unequal))]


def _difference(term: UnequalTerm) -> str:
    groups = "; ".join(f"{_value(value)} for {_names(arms)}" for value, arms in term.values.items())
    return f"{capital(short(term.what))}: {groups}."


def _value(value: object) -> str:
    return show.count(value) if isinstance(value, int) and not isinstance(value, bool) else short(show.setting(value))


def _names(arms: Sequence[str]) -> str:
    return " and ".join([*([", ".join(map(short, arms[:-1]))] if arms[1:] else []), short(arms[-1])])


def _table(result: StudyResult, terms: Sequence[Terms]) -> Table:
    arms = {arm.name: arm for arm in result.arms}
    words = metric_words(result.data)[:2]  # Accuracy, and F1: of the positive label, else the macro mean.
    device = any(arm.cost is not None and arm.cost.peak_device_memory_bytes is not None for arm in arms.values())
    columns = (
        Column("Method", numeric=False),
        *(word.column for word in words),
        Column("Trained parameters", why="and their share of all"),
        Column("Learning rate", why="and how it was found"),
        Column("Steps", why="optimizer steps taken"),
        Column("Training time", why="the search for the learning rate included"),
        Column("Peak memory", why="the most that the run's own process held"),
        *((Column("Peak GPU memory"),) if device else ()),
        Column("Saved size", why="what was saved to use the arm again"),
    )
    rows = tuple(_row(arms[each.arm], each, words, device) for each in terms)
    return Table("Fine-tuned arms, with 95 % intervals", columns, rows)


def _row(arm: ArmResult, terms: Terms, words: Sequence[MetricWords], device: bool) -> tuple[Cell, ...]:
    early = f"of {show.count(terms.planned_steps)} planned" if terms.steps != terms.planned_steps else ""
    search = f"{show.seconds(terms.search_seconds)} of it search" if terms.trials else ""
    return (
        arm_cell(arm.name),
        *(word.cell(arm.metrics.get(word.name), arm.labels_only) for word in words),
        _parameters(arm.cost),
        _rate(terms),
        Cell(show.count(terms.steps), aside=early),
        _priced(show.seconds(arm.cost.fit_seconds) if arm.cost else None, search),
        _priced(show.size(arm.cost.peak_memory_bytes) if arm.cost else None),
        *((_priced(show.size(arm.cost.peak_device_memory_bytes) if arm.cost else None),) if device else ()),
        _priced(show.size(arm.cost.artifact_bytes) if arm.cost else None),
    )


def _parameters(cost: Cost | None) -> Cell:
    if cost is None:
        return _priced(None)
    share = show.share(cost.trainable_parameters, cost.total_parameters) if cost.total_parameters else ""
    return Cell(show.count(cost.trainable_parameters), aside=share)


def _priced(text: str | None, aside: str = "") -> Cell:
    return Cell(show.DASH, why="not measured") if text is None else Cell(text, aside=aside)


def _rate(terms: Terms) -> Cell:
    if terms.learning_rate is None:
        return Cell(show.DASH, why="not recorded")
    how = f"best of {len(terms.trials)} tried" if terms.rate_from == SEARCHED else terms.rate_from
    return Cell(show.general(terms.learning_rate), aside=how)


def _figure(result: StudyResult, terms: Sequence[Terms]) -> list[Figure]:
    """The fine-tuned arms by themselves, so that what the others cost does not press them together."""
    tuned = {each.arm for each in terms}
    arms = [arm for arm in result.arms if arm.name in tuned and arm.cost is not None and _has_accuracy(arm)]
    cast, fronts = cast_of(result), frontiers(arms)
    return [
        Figure(
            "methods",
            "Accuracy, with its 95 % interval, of the fine-tuned arms against what they cost, on logarithmic scales. "
            "On the line, with full marks, are those that no other fine-tuned arm beats in both."
            f"{broken_scales(arms, METHOD_PRICES)}",
            lambda name, width: accuracy_against_cost(arms, fronts, cast, name, width, METHOD_PRICES),
        )
    ]


def _has_accuracy(arm: ArmResult) -> bool:
    return "accuracy" in arm.metrics and show.defined(arm.metrics["accuracy"].value)


def _trials(terms: Sequence[Terms]) -> list[Block]:
    """The learning rates that were tried, and which choices lie at the edge of what was."""
    searched = [each for each in terms if each.trials]
    if not searched:
        return []
    edges = tuple(
        f"{short(each.arm)} chose the {each.at_edge} rate that was tried: a better one may lie beyond it."
        for each in searched
        if each.at_edge
    )
    rates = sorted({trial.learning_rate for each in searched for trial in each.trials})
    table = Table(
        "Validation loss after a short training with each learning rate, in nats",
        (Column("Method", numeric=False), *(Column(show.general(rate)) for rate in rates)),
        tuple((Cell(short(each.arm)), *(_trial(each, rate) for rate in rates)) for each in searched),
    )
    blocks: list[Block] = [Bullets(edges)] if edges else []
    return [*blocks, Group("Learning rates that were tried", (table,), folded=True)]


def _trial(terms: Terms, rate: float) -> Cell:
    tried: RateTrial | None = next((trial for trial in terms.trials if trial.learning_rate == rate), None)
    if tried is None:
        return Cell(show.DASH, why="not tried")
    if not math.isfinite(tried.validation_loss):
        return Cell(show.DASH, why="not finite")
    return Cell(show.decimal(tried.validation_loss), aside="chosen" if rate == terms.learning_rate else "")
