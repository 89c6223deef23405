"""The options of the verbs that run studies: each is said once, and a verb names those that it has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from lightune.config import (
    CLASS_WEIGHTS,
    NONE,
    POOLINGS,
    SCHEDULES,
    SELECTION_METRICS,
    TRUNCATIONS,
    TRUNK_CACHES,
)

ARMS = (
    "Comma-separated: majority, tfidf, pretrained, zero-shot, probe, lora and all that `lightune methods` "
    "lists, full, an installed package's own, or NAME=FILE for predictions from a file."
)
BEFORE = "Before it runs"
DATA, LEARN, ADAPT, SHOW = "Data", "Training", "LoRA and other methods", "Output"
WHERE = "On a cluster"
PROMPT, MORE, LOOK = "Zero-shot and probe", "Is more data worth it", "Where it is right and wrong"

Out = Annotated[Path, Option(help="The study's folder; the same command again resumes there.")]
Model = Annotated[str, Option(help="A hub id, a model's folder, or `embedded`.")]
Data = Annotated[str, Option(help="A hub id, a folder, a file, or `embedded`.")]
Arms = Annotated[str, Option(help=ARMS)]
TrainSize = Annotated[int | None, Option(help="Rows to train on; all without it.", rich_help_panel=DATA)]
ValidationSize = Annotated[int | None, Option(help="Rows to choose on.", rich_help_panel=DATA)]
TestSize = Annotated[int | None, Option(help="Rows to measure on; all without it.", rich_help_panel=DATA)]
TextColumn = Annotated[str | None, Option(help="Found without it.", rich_help_panel=DATA)]
LabelColumn = Annotated[str | None, Option(help="Found without it.", rich_help_panel=DATA)]
SplitColumn = Annotated[str | None, Option(help="Names each row's split.", rich_help_panel=DATA)]
GroupColumn = Annotated[str | None, Option(help="Rows of a group stay on one side of each cut.", rich_help_panel=DATA)]
PositiveLabel = Annotated[
    str | None, Option(help="The label that F1 is of; the second one without it.", rich_help_panel=DATA)
]
DataSeed = Annotated[int, Option(help="Draws the subsets and cuts.", rich_help_panel=DATA)]
Folds = Annotated[
    int | None, Option(help="Cross-validate: test each row in one of so many folds.", rich_help_panel=DATA)
]
Repeats = Annotated[int, Option(help="How often the folds are cut anew.", rich_help_panel=DATA)]
MaxLength = Annotated[
    int | None, Option(help="Tokens at most; the model's limit, at most 512, without it.", rich_help_panel=DATA)
]
Truncate = Annotated[str, Option(help=f"What stays of a longer text: {', '.join(TRUNCATIONS)}.", rich_help_panel=DATA)]
Seed = Annotated[int, Option(help="The first seed.", rich_help_panel=LEARN)]
Seeds = Annotated[int, Option(help="How often each trained arm is repeated.", rich_help_panel=LEARN)]
Epochs = Annotated[
    float | None, Option(help="Passes over the training rows; by their number without it.", rich_help_panel=LEARN)
]
MaxSteps = Annotated[int | None, Option(help="Optimizer steps; wins over --epochs.", rich_help_panel=LEARN)]
LearningRate = Annotated[float | None, Option(help="By the model's size without it.", rich_help_panel=LEARN)]
HeadRate = Annotated[float, Option(help="How much faster than the rest the head learns.", rich_help_panel=LEARN)]
BatchSize = Annotated[int, Option(help="Rows in memory at once, at most.", rich_help_panel=LEARN)]
Accumulation = Annotated[
    int, Option(help="An optimizer step takes batch-size x accumulation rows.", rich_help_panel=LEARN)
]
Schedule = Annotated[str, Option(help=f"{', '.join(SCHEDULES)}.", rich_help_panel=LEARN)]
Warmup = Annotated[float, Option(help="Share of the steps.", rich_help_panel=LEARN)]
WeightDecay = Annotated[float, Option(help="Of AdamW.", rich_help_panel=LEARN)]
MaxGradNorm = Annotated[float, Option(help="Gradients are clipped to it.", rich_help_panel=LEARN)]
Evaluations = Annotated[int, Option(help="Looks at the validation rows in a training.", rich_help_panel=LEARN)]
Patience = Annotated[int, Option(help="Looks without a better one before it stops; 0: never.", rich_help_panel=LEARN)]
SelectBy = Annotated[str, Option(help=f"The best by: {', '.join(SELECTION_METRICS)}.", rich_help_panel=LEARN)]
ClassWeights = Annotated[str, Option(help=f"{', '.join(CLASS_WEIGHTS)}.", rich_help_panel=LEARN)]
FrozenDropout = Annotated[
    bool, Option("--frozen-dropout", help="Keep the frozen model's own dropout.", rich_help_panel=LEARN)
]
Rank = Annotated[int, Option(help="Of the update.", rich_help_panel=ADAPT)]
Alpha = Annotated[float, Option(help="The update is scaled by alpha / rank.", rich_help_panel=ADAPT)]
Dropout = Annotated[float, Option(help="Before the update.", rich_help_panel=ADAPT)]
TargetModules = Annotated[
    str | None, Option(help="Comma-separated; every linear layer without it.", rich_help_panel=ADAPT)
]
TopBlocks = Annotated[
    int | None,
    Option(help="Adapters on so many blocks from the top; on all without it.", rich_help_panel=ADAPT),
]
TrunkCache = Annotated[
    str,
    Option(
        help=f"What the states of the blocks below are kept as: {', '.join(TRUNK_CACHES)}; bfloat16 is not exact.",
        rich_help_panel=ADAPT,
    ),
]
TrunkCacheBytes = Annotated[
    int,
    Option(help="Bytes on disk that they may take, never more than half of what is free.", rich_help_panel=ADAPT),
]
SetOption = Annotated[
    list[str] | None,
    Option("--set", help="METHOD.OPTION=VALUE, an option of peft's; may be repeated.", rich_help_panel=ADAPT),
]
RateTrials = Annotated[
    int | None,
    Option(
        help="Learning rates to try for each method in short trainings; 3 without it where there are several.",
        rich_help_panel=ADAPT,
    ),
]
Template = Annotated[
    list[str] | None, Option(help="A prompt with {text} and {label}; may be repeated.", rich_help_panel=PROMPT)
]
LabelWords = Annotated[list[str] | None, Option(help="LABEL=WORD|WORD; may be repeated.", rich_help_panel=PROMPT)]
NoCalibration = Annotated[
    bool, Option("--no-calibration", help="Take zero-shot answers as they are.", rich_help_panel=PROMPT)
]
Pooling = Annotated[str, Option(help=f"The probe's features: {', '.join(POOLINGS)}.", rich_help_panel=PROMPT)]
Curve = Annotated[str | None, Option(help="Comma-separated training sizes of a learning curve.", rich_help_panel=MORE)]
CurveArms = Annotated[str | None, Option(help="Arms of the curve; all that learn without it.", rich_help_panel=MORE)]
CurveSeeds = Annotated[int, Option(help="Subsets drawn for each size.", rich_help_panel=MORE)]
LabelNext = Annotated[
    Path | None,
    Option(help="A file of unlabelled texts, to rank by what labelling them teaches.", rich_help_panel=MORE),
]
SliceBy = Annotated[
    list[str] | None, Option("--slice", help="A column to slice by; may be repeated.", rich_help_panel=LOOK)
]
Behaviour = Annotated[
    str | None, Option(help=f"A suite's YAML file, or `{NONE}`; the built-in one without it.", rich_help_panel=LOOK)
]
NoTexts = Annotated[bool, Option("--no-texts", help="Keep no text in the study's folder.", rich_help_panel=SHOW)]
Quiet = Annotated[bool, Option("--quiet", help="Only errors.", rich_help_panel=SHOW)]
AsJson = Annotated[bool, Option("--json", help="Events as JSON lines.", rich_help_panel=SHOW)]
Plan = Annotated[
    bool, Option("--plan", help="Only say how trainings would be computed here and why.", rich_help_panel=BEFORE)
]
Estimate = Annotated[
    bool, Option("--estimate", help="Only predict what each arm will take here.", rich_help_panel=BEFORE)
]
Executor = Annotated[
    str,
    Option(
        help="Where runs run: `local`, one after the other here, or `ray`, several at once on a cluster.",
        rich_help_panel=WHERE,
    ),
]
Address = Annotated[
    str | None,
    Option(
        help="HOST:PORT of the Ray cluster's head; without it RAY_ADDRESS's, else a cluster on this machine while it "
        "runs.",
        rich_help_panel=WHERE,
    ),
]
CpusPerRun = Annotated[
    int | None, Option(help="As many as let all runs go at once, without it.", rich_help_panel=WHERE)
]
GpusPerRun = Annotated[
    float | None,
    Option(help="Of each run with a model, 0 to 1; 1 where the cluster has any, without it.", rich_help_panel=WHERE),
]
