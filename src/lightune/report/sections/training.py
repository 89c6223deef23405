"""How the trained arms were trained."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from lightune.records import Plan, StudyResult, TrainingFacts, TrainingPoint
from lightune.report import format as show
from lightune.report.document import Block, Cell, Column, Figure, Group, Paragraph, Section, Table
from lightune.report.escape import short
from lightune.report.pictures.training import training_curve
from lightune.report.runs import first_run
from lightune.report.vocabulary import metric_words

_MOST_ROWS = 60


def training_section(result: StudyResult) -> Section | None:
    """The curve of each trained arm, what the validation split said on the way, and the recipes side by side."""
    trained = [(arm.name, arm.training) for arm in result.arms if arm.training is not None]
    if not trained:
        return None
    blocks: list[Block] = []
    for place, (name, facts) in enumerate(trained):
        parts: list[Block] = []
        if facts.history:
            parts.append(Figure(f"curve{place}", _told(facts), partial(_drawn, name, facts)))
        looked = [point for point in facts.history if point.validation]
        if looked:
            table = _history(result, looked, facts)
            parts.append(Group(f"{short(name)}: validation on the way", (table,), folded=True))
        if facts.plan is not None:
            parts.append(Paragraph(_computed(facts.plan)))
        blocks.append(Group(short(name), tuple(parts)))
    blocks.append(_recipes(trained))
    return Section(
        anchor="training",
        title="Training",
        read="Validation loss that rises while train loss falls is overfitting; the step that was kept is the best one "
        "on validation, and the test rows had no part in choosing it.",
        computed=f"Losses are mean negative log-likelihoods in nats, of the {first_run(result)}'s run.",
        blocks=tuple(blocks),
    )


def _drawn(arm: str, facts: TrainingFacts, name: str, width: int) -> Markup:
    return training_curve(arm, facts, name, width)


def _told(facts: TrainingFacts) -> str:
    stopped = ", stopped early" if facts.stopped_early else ""
    return (
        f"{show.count(facts.steps)} of {show.count(facts.planned_steps)} planned steps, {facts.epochs:.2g} epochs"
        f"{stopped}; step {show.count(facts.best_step)} was kept, chosen by validation {short(facts.selected_by)}."
    )


def _computed(plan: Plan) -> str:
    """How the machine was used, in a line: none of it has a part in what was learned."""
    return (
        f"Computed with {show.count(plan.threads)} {'thread' if plan.threads == 1 else 'threads'}, texts "
        f"{'packed end to end' if plan.packed else 'padded, by length'}, matrix products by "
        f"{'oneDNN' if plan.onednn else 'torch itself'}, at most {show.count(plan.micro_tokens)} tokens in a "
        f"micro-batch, activations {'computed again' if plan.checkpointing else 'kept'}."
    )


def _history(result: StudyResult, looked: list[TrainingPoint], facts: TrainingFacts) -> Table:
    words = [
        word for word in metric_words(result.data) if any(word.name in (point.validation or {}) for point in looked)
    ]
    stride = -(-len(looked) // _MOST_ROWS)
    kept = [
        point for place, point in enumerate(reversed(looked)) if place % stride == 0 or point.step == facts.best_step
    ][::-1]
    rows = tuple(
        (
            Cell(show.count(point.step), aside="kept" if point.step == facts.best_step else ""),
            Cell(show.decimal(point.epoch, 2)),
            *(word.plain((point.validation or {}).get(word.name)) for word in words),
        )
        for point in kept
    )
    every = "" if stride == 1 else f", every {stride}th evaluation"
    return Table(
        f"Validation metrics{every}",
        (Column("Step", numeric=False), Column("Epoch"), *(word.column for word in words)),
        rows,
    )


def _recipes(trained: list[tuple[str, TrainingFacts]]) -> Table:
    settings = list(dict.fromkeys(key for _, facts in trained for key in facts.recipe))
    rows = tuple(
        (
            Cell(short(key).replace("_", " ")),
            *(
                Cell(short(show.setting(facts.recipe[key]), 300))
                if key in facts.recipe
                else Cell(show.DASH, why="no such setting")
                for _, facts in trained
            ),
        )
        for key in settings
    )
    columns = (Column("Setting", numeric=False), *(Column(short(name), numeric=False) for name, _ in trained))
    return Table("Recipe: every setting as it was used", columns, rows)
