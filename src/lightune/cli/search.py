"""`lightune search`: a method's settings searched for on validation, the best of them measured in a study."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from typer import Option

from lightune.cli import options as o
from lightune.cli.study import run
from lightune.cli.values import names
from lightune.config import (
    AnalysisConfig,
    DataConfig,
    ModelConfig,
    StudyConfig,
    TrainingConfig,
)

if TYPE_CHECKING:
    from lightune.search import Searched, Trial

TRAIN = TrainingConfig()
Trials = Annotated[int, Option(help="Sets of values to try.")]
TopBlocks = Annotated[int | None, Option(help="Adapters on so many blocks from the top; 0: on all.")]
Method = Annotated[str, Option(help="lora, or one of its variants.")]
FurtherArms = Annotated[str, Option(help="Comma-separated: further arms of the study.")]
TestSize = Annotated[int | None, Option(help="Rows to measure the winner on; all without it.", rich_help_panel=o.DATA)]
Seed = Annotated[int, Option(help="Draws the values, and each training's own.", rich_help_panel=o.LEARN)]
Evaluations = Annotated[
    int, Option(help="Looks at the validation rows in the winner's training.", rich_help_panel=o.LEARN)
]
Patience = Annotated[
    int, Option(help="Looks without a better one before that stops; 0: never.", rich_help_panel=o.LEARN)
]
Unpruned = Annotated[bool, Option("--unpruned", help="Train each trial in full, without halving.")]


def search(
    out: o.Out,
    model: o.Model = "gpt2",
    data: o.Data = "embedded",
    trials: Trials = 20,
    top_blocks: TopBlocks = 4,
    method: Method = "lora",
    arms: FurtherArms = "",
    unpruned: Unpruned = False,
    train_size: o.TrainSize = None,
    validation_size: o.ValidationSize = None,
    test_size: TestSize = None,
    text_column: o.TextColumn = None,
    label_column: o.LabelColumn = None,
    split_column: o.SplitColumn = None,
    group_column: o.GroupColumn = None,
    positive_label: o.PositiveLabel = None,
    data_seed: o.DataSeed = 0,
    max_length: o.MaxLength = None,
    truncate: o.Truncate = "head",
    seed: Seed = 0,
    epochs: o.Epochs = None,
    max_steps: o.MaxSteps = None,
    batch_size: o.BatchSize = TRAIN.batch_size,
    accumulation: o.Accumulation = TRAIN.accumulation,
    schedule: o.Schedule = TRAIN.schedule,
    evaluations: Evaluations = TRAIN.evaluations,
    patience: Patience = TRAIN.patience,
    select_by: o.SelectBy = TRAIN.select_by,
    trunk_cache: o.TrunkCache = TRAIN.trunk_cache,
    trunk_cache_bytes: o.TrunkCacheBytes = TRAIN.trunk_cache_bytes,
    behaviour: o.Behaviour = None,
    no_texts: o.NoTexts = False,
    quiet: o.Quiet = False,
    as_json: o.AsJson = False,
) -> int:
    """Search for learning rate, rank and the head's rate of a method on the validation rows, train the best in full,
    and measure it in a study in --out. The test rows have no part in the search."""
    others = names(arms) or ()
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
