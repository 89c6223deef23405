"""`lightune study`: the arms on the data, measured, compared and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from lightune.config import (
    CLASS_WEIGHTS,
    SCHEDULES,
    SELECTION_METRICS,
    TRUNCATIONS,
    DataConfig,
    LoraConfig,
    ModelConfig,
    StudyConfig,
    TrainingConfig,
)

TRAIN = TrainingConfig()
LORA = LoraConfig()
DATA, LEARN, ADAPT, SHOW = "Data", "Training", "LoRA", "Output"


def study(
    out: Annotated[Path, Option(help="The study's folder; the same command again resumes there.")],
    model: Annotated[str, Option(help="A hub id, a model's folder, or `embedded`.")] = "gpt2",
    data: Annotated[str, Option(help="A hub id, a folder, a file, or `embedded`.")] = "embedded",
    arms: Annotated[str, Option(help="Comma-separated: pretrained, lora.")] = "pretrained,lora",
    train_size: Annotated[int | None, Option(help="Rows to train on; all without it.", rich_help_panel=DATA)] = None,
    validation_size: Annotated[int | None, Option(help="Rows to choose on.", rich_help_panel=DATA)] = None,
    test_size: Annotated[int | None, Option(help="Rows to measure on; all without it.", rich_help_panel=DATA)] = None,
    text_column: Annotated[str | None, Option(help="Found without it.", rich_help_panel=DATA)] = None,
    label_column: Annotated[str | None, Option(help="Found without it.", rich_help_panel=DATA)] = None,
    split_column: Annotated[str | None, Option(help="Names each row's split.", rich_help_panel=DATA)] = None,
    group_column: Annotated[
        str | None, Option(help="Rows of a group stay on one side of each cut.", rich_help_panel=DATA)
    ] = None,
    positive_label: Annotated[
        str | None, Option(help="The label that F1 is of; the second one without it.", rich_help_panel=DATA)
    ] = None,
    data_seed: Annotated[int, Option(help="Draws the subsets and cuts.", rich_help_panel=DATA)] = 0,
    max_length: Annotated[
        int | None, Option(help="Tokens at most; the model's limit, at most 512, without it.", rich_help_panel=DATA)
    ] = None,
    truncate: Annotated[
        str, Option(help=f"What stays of a longer text: {', '.join(TRUNCATIONS)}.", rich_help_panel=DATA)
    ] = "head",
    seed: Annotated[int, Option(help="The first seed.", rich_help_panel=LEARN)] = 0,
    seeds: Annotated[int, Option(help="How often each trained arm is repeated.", rich_help_panel=LEARN)] = 1,
    epochs: Annotated[
        float | None, Option(help="Passes over the training rows; by their number without it.", rich_help_panel=LEARN)
    ] = None,
    max_steps: Annotated[int | None, Option(help="Optimizer steps; wins over --epochs.", rich_help_panel=LEARN)] = None,
    learning_rate: Annotated[
        float | None, Option(help="By the model's size without it.", rich_help_panel=LEARN)
    ] = None,
    batch_size: Annotated[
        int, Option(help="Rows in memory at once, at most.", rich_help_panel=LEARN)
    ] = TRAIN.batch_size,
    accumulation: Annotated[
        int, Option(help="An optimizer step takes batch-size x accumulation rows.", rich_help_panel=LEARN)
    ] = TRAIN.accumulation,
    schedule: Annotated[str, Option(help=f"{', '.join(SCHEDULES)}.", rich_help_panel=LEARN)] = TRAIN.schedule,
    warmup: Annotated[float, Option(help="Share of the steps.", rich_help_panel=LEARN)] = TRAIN.warmup,
    weight_decay: Annotated[float, Option(help="Of AdamW.", rich_help_panel=LEARN)] = TRAIN.weight_decay,
    max_grad_norm: Annotated[float, Option(help="Gradients are clipped to it.", rich_help_panel=LEARN)] = (
        TRAIN.max_grad_norm
    ),
    evaluations: Annotated[
        int, Option(help="Looks at the validation rows in a training.", rich_help_panel=LEARN)
    ] = TRAIN.evaluations,
    patience: Annotated[
        int, Option(help="Looks without a better one before it stops; 0: never.", rich_help_panel=LEARN)
    ] = TRAIN.patience,
    select_by: Annotated[
        str, Option(help=f"The best by: {', '.join(SELECTION_METRICS)}.", rich_help_panel=LEARN)
    ] = TRAIN.select_by,
    class_weights: Annotated[
        str, Option(help=f"{', '.join(CLASS_WEIGHTS)}.", rich_help_panel=LEARN)
    ] = TRAIN.class_weights,
    frozen_dropout: Annotated[
        bool, Option("--frozen-dropout", help="Keep the frozen model's own dropout.", rich_help_panel=LEARN)
    ] = False,
    rank: Annotated[int, Option(help="Of the update.", rich_help_panel=ADAPT)] = LORA.rank,
    alpha: Annotated[float, Option(help="The update is scaled by alpha / rank.", rich_help_panel=ADAPT)] = LORA.alpha,
    dropout: Annotated[float, Option(help="Before the update.", rich_help_panel=ADAPT)] = LORA.dropout,
    target_modules: Annotated[
        str | None, Option(help="Comma-separated; every linear layer without it.", rich_help_panel=ADAPT)
    ] = None,
    no_texts: Annotated[
        bool, Option("--no-texts", help="Keep no text in the study's folder.", rich_help_panel=SHOW)
    ] = False,
    quiet: Annotated[bool, Option("--quiet", help="Only errors.", rich_help_panel=SHOW)] = False,
    as_json: Annotated[bool, Option("--json", help="Events as JSON lines.", rich_help_panel=SHOW)] = False,
) -> int:
    """Measure the model as it is, adapt it, measure again, compare; write results and a report to --out."""
    config = StudyConfig(
        model=ModelConfig(model, max_length, truncate),
        data=DataConfig(
            data, text_column, label_column, split_column, group_column, positive_label, train_size, validation_size,
            test_size, data_seed,
        ),
        arms=_names(arms) or (),
        training=TrainingConfig(
            epochs, max_steps, learning_rate, batch_size, accumulation, schedule, warmup, weight_decay, max_grad_norm,
            evaluations, patience, select_by, class_weights, frozen_dropout,
        ),
        lora=LoraConfig(rank, alpha, dropout, _names(target_modules)),
        seed=seed,
        seeds=seeds,
        keep_texts=not no_texts,
    )  # fmt: skip
    return _run(config, out, quiet, as_json)


def _run(config: StudyConfig, out: Path, quiet: bool, as_json: bool) -> int:
    from lightune.cli.study_view import JsonView, QuietView, TerminalView

    view = QuietView() if quiet else JsonView() if as_json else TerminalView()
    with view:
        from lightune.study import run_study

        result = run_study(config, out, view.on_event)
    view.show(result, out)
    return 1 if any(arm.status != "done" for arm in result.arms) else 0


def _names(value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip())
