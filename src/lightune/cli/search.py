"""`lightune search`: a method's settings searched for on validation, the best of them measured in a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from typer import Option

from lightune.cli import options as o
from lightune.cli.study import run
from lightune.cli.values import names
from lightune.cli.where import LOCAL, Where
from lightune.config import (
    AnalysisConfig,
    DataConfig,
    ModelConfig,
    StudyConfig,
    TrainingConfig,
)
from lightune.errors import ConfigError

if TYPE_CHECKING:
    from lightune.search import Among, Between

TRAIN = TrainingConfig()
SPACE, MANY = "What is searched over", o.WHERE
Trials = Annotated[int | None, Option(help="Sets of values to try; 20 without it and without --minutes.")]
Minutes = Annotated[
    float | None,
    Option(
        help="Begin no trial that would leave too little time: for one trained in full, and for the winner's training "
        "in the study. Measuring comes on top. Goes on counting when the same command goes on."
    ),
]
SearchOver = Annotated[
    list[str] | None,
    Option(
        "--search",
        help="NAME=VALUE,VALUE or NAME=LOW..HIGH, in place of the usual learning-rate, rank and head-rate, or beside "
        "them: method=lora,dora,ia3; top-blocks=all,half,4; target-modules=all,attention,mlp,q_proj+v_proj. One value "
        "fixes it. May be repeated.",
        rich_help_panel=SPACE,
    ),
]
TopBlocks = Annotated[
    int, Option(help="Adapters on so many blocks from the top, where that is not searched over; 0: on all.")
]
Method = Annotated[str | None, Option(help="lora without it; any that changes layers and not the base's weights.")]
Storage = Annotated[
    str | None,
    Option(
        help="URL of a database for the trials, as optuna takes it; a file in --out without it.", rich_help_panel=MANY
    ),
]
Workers = Annotated[
    int,
    Option(help="Trials trained at once, each in a process of its own where there are several.", rich_help_panel=MANY),
]
FurtherArms = Annotated[str, Option(help="Comma-separated: further arms of the study.")]
TestSize = Annotated[int | None, Option(help="Rows to measure the winner on; all without it.", rich_help_panel=o.DATA)]
Seed = Annotated[int, Option(help="Draws the values, and each training's own.", rich_help_panel=o.LEARN)]
Evaluations = Annotated[
    int, Option(help="Looks at the validation rows in the winner's training.", rich_help_panel=o.LEARN)
]
Patience = Annotated[
    int, Option(help="Looks without a better one before that stops; 0: never.", rich_help_panel=o.LEARN)
]
Executor = Annotated[
    str,
    Option(
        help="local, or ray: workers, and the study's runs, are on the nodes of a Ray cluster, which see --out.",
        rich_help_panel=MANY,
    ),
]
Unpruned = Annotated[bool, Option("--unpruned", help="Train each trial in full, without halving.")]


def search(
    out: o.Out,
    model: o.Model = "gpt2",
    data: o.Data = "embedded",
    trials: Trials = None,
    minutes: Minutes = None,
    search_over: SearchOver = None,
    top_blocks: TopBlocks = 4,
    method: Method = None,
    arms: FurtherArms = "",
    unpruned: Unpruned = False,
    storage: Storage = None,
    workers: Workers = 1,
    executor: Executor = LOCAL,
    address: o.Address = None,
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
    """Search for learning rate, rank and the head's rate of a method on the validation rows, or for whatever --search
    names, train the best in full, and measure it in a study in --out. The test rows have no part in the search. --out
    keeps the trials as a study of optuna's (search/trials.db)."""
    from lightune.search.asked import dimensions

    where = Where(executor, address)
    others = names(arms) or ()
    space = dimensions(search_over or ())
    config = StudyConfig(
        model=ModelConfig(model, max_length, truncate),
        data=DataConfig(
            data, text_column, label_column, split_column, group_column, positive_label, train_size, validation_size,
            test_size, data_seed,
        ),
        arms=(_method(method, space), *others),
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
    from lightune.cli.search_view import trials_view
    from lightune.search import Place, find_settings

    with trials_view(quiet, as_json) as on_trial:
        found = find_settings(
            config,
            out,
            trials,
            space,
            minutes=minutes,
            place=Place(storage, workers, executor, address),
            pruned=not unpruned,
            on_trial=on_trial,
        )
    return run(found.config, out, quiet, as_json, where)


def _method(asked: str | None, space: Sequence[Between | Among]) -> str:
    """The method of the first trial. Raises ConfigError where it is none of those that are searched over."""
    from lightune.search.space import METHOD, Among

    several = [str(value) for one in space if one.option == METHOD and isinstance(one, Among) for value in one.values]
    if asked is not None and several and asked not in several:
        raise ConfigError(f"--method {asked}: it is none of --search method={','.join(several)}. Leave it out.")
    return asked or (several[0] if several else "lora")
