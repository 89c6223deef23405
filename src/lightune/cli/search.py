"""`lightune search`: a method's settings searched for on validation, the best of them measured in a study."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from lightune.cli.study import ADAPT, DATA, LEARN, SHOW, run
from lightune.config import (
    SCHEDULES,
    SELECTION_METRICS,
    TRUNCATIONS,
    TRUNK_CACHES,
    AnalysisConfig,
    DataConfig,
    ModelConfig,
    StudyConfig,
    TrainingConfig,
)

if TYPE_CHECKING:
    from lightune.search import Searched, Trial

TRAIN = TrainingConfig()


def search(
    out: Annotated[Path, Option(help="The study's folder; the same command again goes on there.")],
    model: Annotated[str, Option(help="A hub id, a model's folder, or `embedded`.")] = "gpt2",
    data: Annotated[str, Option(help="A hub id, a folder, a file, or `embedded`.")] = "embedded",
    trials: Annotated[int, Option(help="Sets of values to try.")] = 20,
    top_blocks: Annotated[int | None, Option(help="Adapters on so many blocks from the top; 0: on all.")] = 4,
    method: Annotated[str, Option(help="lora, or one of its variants.")] = "lora",
    arms: Annotated[str, Option(help="Comma-separated: further arms of the study.")] = "",
    unpruned: Annotated[bool, Option("--unpruned", help="Train each trial in full, without halving.")] = False,
    train_size: Annotated[int | None, Option(help="Rows to train on; all without it.", rich_help_panel=DATA)] = None,
    validation_size: Annotated[int | None, Option(help="Rows to choose on.", rich_help_panel=DATA)] = None,
    test_size: Annotated[
        int | None, Option(help="Rows to measure the winner on; all without it.", rich_help_panel=DATA)
    ] = None,
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
    seed: Annotated[int, Option(help="Draws the values, and each training's own.", rich_help_panel=LEARN)] = 0,
    epochs: Annotated[
        float | None, Option(help="Passes over the training rows; by their number without it.", rich_help_panel=LEARN)
    ] = None,
    max_steps: Annotated[int | None, Option(help="Optimizer steps; wins over --epochs.", rich_help_panel=LEARN)] = None,
    batch_size: Annotated[
        int, Option(help="Rows in memory at once, at most.", rich_help_panel=LEARN)
    ] = TRAIN.batch_size,
    accumulation: Annotated[
        int, Option(help="An optimizer step takes batch-size x accumulation rows.", rich_help_panel=LEARN)
    ] = TRAIN.accumulation,
    schedule: Annotated[str, Option(help=f"{', '.join(SCHEDULES)}.", rich_help_panel=LEARN)] = TRAIN.schedule,
    evaluations: Annotated[
        int, Option(help="Looks at the validation rows in the winner's training.", rich_help_panel=LEARN)
    ] = TRAIN.evaluations,
    patience: Annotated[
        int, Option(help="Looks without a better one before that stops; 0: never.", rich_help_panel=LEARN)
    ] = TRAIN.patience,
    select_by: Annotated[
        str, Option(help=f"The best by: {', '.join(SELECTION_METRICS)}.", rich_help_panel=LEARN)
    ] = TRAIN.select_by,
    trunk_cache: Annotated[
        str,
        Option(
            help=f"What the states of the blocks below are kept as: {', '.join(TRUNK_CACHES)}; bfloat16 is not exact.",
            rich_help_panel=ADAPT,
        ),
    ] = TRAIN.trunk_cache,
    trunk_cache_bytes: Annotated[
        int,
        Option(help="Bytes on disk that they may take, never more than half of what is free.", rich_help_panel=ADAPT),
    ] = TRAIN.trunk_cache_bytes,
    behaviour: Annotated[
        str | None, Option(help="A suite's YAML file, or `none`; the built-in one without it.", rich_help_panel=SHOW)
    ] = None,
    no_texts: Annotated[
        bool, Option("--no-texts", help="Keep no text in the study's folder.", rich_help_panel=SHOW)
    ] = False,
    quiet: Annotated[bool, Option("--quiet", help="Only errors.", rich_help_panel=SHOW)] = False,
    as_json: Annotated[bool, Option("--json", help="Events as JSON lines.", rich_help_panel=SHOW)] = False,
) -> int:
    """Search for learning rate, rank and the head's rate of a method on the validation rows, train the best in full,
    and measure it in a study in --out. The test rows have no part in the search."""
    others = tuple(name.strip() for name in arms.split(",") if name.strip())
    config = StudyConfig(
        model=ModelConfig(model, max_length, truncate),
        data=DataConfig(
            data, text_column, label_column, split_column, group_column, positive_label, train_size, validation_size,
            test_size, data_seed,
        ),
        arms=(method, *others),
        training=TrainingConfig(
            epochs=epochs,
            max_steps=max_steps,
            batch_size=batch_size,
            accumulation=accumulation,
            schedule=schedule,
            evaluations=evaluations,
            patience=patience,
            select_by=select_by,
            top_blocks=top_blocks or None,
            trunk_cache=trunk_cache,
            trunk_cache_bytes=trunk_cache_bytes,
        ),
        analysis=AnalysisConfig(behaviour=behaviour),
        seed=seed,
        keep_texts=not no_texts,
    )  # fmt: skip
    from lightune.search import find_settings

    found = find_settings(config, out, trials, pruned=not unpruned, on_trial=_teller(quiet, as_json))
    return run(found.config, out, quiet, as_json)


def _teller(quiet: bool, as_json: bool) -> Callable[[Trial, Searched], None] | None:
    if quiet:
        return None
    return _print_json if as_json else _print


def _print(trial: Trial, searched: Searched) -> None:
    from lightune.cli.output import progress_console, seconds

    rung = len(trial.scores) - 1
    values = ", ".join(f"{name.partition('.')[2].replace('_', ' ')} {value:g}" for name, value in trial.values.items())
    score = "diverged" if trial.diverged else f"{searched.selected_by} {trial.scores[-1]:.4f}"
    progress_console().print(
        f"trial {trial.number + 1}: {values}: {score} by step {searched.rungs[rung]:,} of {searched.rungs[-1]:,} "
        f"({seconds(trial.seconds)})",
        markup=False,
        soft_wrap=True,
    )


def _print_json(trial: Trial, searched: Searched) -> None:
    from lightune.cli.output import print_json

    score = trial.scores[-1]
    print_json(
        {
            "event": "trial",
            "number": trial.number,
            "values": dict(trial.values),
            "step": searched.rungs[len(trial.scores) - 1],
            "steps": searched.rungs[-1],
            searched.selected_by: score if math.isfinite(score) else None,
            "seconds": trial.seconds,
        }
    )
