"""`lightune study`: the arms on the data, measured, compared and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from lightune.config import (
    CLASS_WEIGHTS,
    DEFAULT_ARMS,
    NONE,
    POOLINGS,
    SCHEDULES,
    SELECTION_METRICS,
    TRUNCATIONS,
    TRUNK_CACHES,
    AnalysisConfig,
    CurveConfig,
    DataConfig,
    LoraConfig,
    MethodsConfig,
    ModelConfig,
    ProbeConfig,
    StudyConfig,
    TrainingConfig,
    ZeroShotConfig,
)
from lightune.errors import ConfigError

ARMS = (
    "Comma-separated: majority, tfidf, pretrained, zero-shot, probe, lora and all that `lightune methods` "
    "lists, full, an installed package's own, or NAME=FILE for predictions from a file."
)
TRAIN = TrainingConfig()
LORA = LoraConfig()
CURVE = CurveConfig()
BEFORE = "Before it runs"
DATA, LEARN, ADAPT, SHOW = "Data", "Training", "LoRA and other methods", "Output"
PROMPT, MORE, LOOK = "Zero-shot and probe", "Is more data worth it", "Where it is right and wrong"


def study(
    out: Annotated[Path, Option(help="The study's folder; the same command again resumes there.")],
    model: Annotated[str, Option(help="A hub id, a model's folder, or `embedded`.")] = "gpt2",
    data: Annotated[str, Option(help="A hub id, a folder, a file, or `embedded`.")] = "embedded",
    arms: Annotated[str, Option(help=ARMS)] = ",".join(DEFAULT_ARMS),
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
    folds: Annotated[
        int | None, Option(help="Cross-validate: test each row in one of so many folds.", rich_help_panel=DATA)
    ] = None,
    repeats: Annotated[int, Option(help="How often the folds are cut anew.", rich_help_panel=DATA)] = 1,
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
    head_rate: Annotated[
        float, Option(help="How much faster than the rest the head learns.", rich_help_panel=LEARN)
    ] = TRAIN.head_rate,
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
    top_blocks: Annotated[
        int | None,
        Option(help="Adapters on so many blocks from the top; on all without it.", rich_help_panel=ADAPT),
    ] = None,
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
    set_option: Annotated[
        list[str] | None,
        Option("--set", help="METHOD.OPTION=VALUE, an option of peft's; may be repeated.", rich_help_panel=ADAPT),
    ] = None,
    rate_trials: Annotated[
        int | None,
        Option(
            help="Learning rates to try for each method in short trainings; 3 without it where there are several.",
            rich_help_panel=ADAPT,
        ),
    ] = None,
    template: Annotated[
        list[str] | None, Option(help="A prompt with {text} and {label}; may be repeated.", rich_help_panel=PROMPT)
    ] = None,
    label_words: Annotated[
        list[str] | None, Option(help="LABEL=WORD|WORD; may be repeated.", rich_help_panel=PROMPT)
    ] = None,
    no_calibration: Annotated[
        bool, Option("--no-calibration", help="Take zero-shot answers as they are.", rich_help_panel=PROMPT)
    ] = False,
    pooling: Annotated[str, Option(help=f"The probe's features: {', '.join(POOLINGS)}.", rich_help_panel=PROMPT)] = (
        POOLINGS[0]
    ),
    curve: Annotated[
        str | None, Option(help="Comma-separated training sizes of a learning curve.", rich_help_panel=MORE)
    ] = None,
    curve_arms: Annotated[
        str | None, Option(help="Arms of the curve; all that learn without it.", rich_help_panel=MORE)
    ] = None,
    curve_seeds: Annotated[int, Option(help="Subsets drawn for each size.", rich_help_panel=MORE)] = CURVE.seeds,
    label_next: Annotated[
        Path | None,
        Option(help="A file of unlabelled texts, to rank by what labelling them teaches.", rich_help_panel=MORE),
    ] = None,
    slice_by: Annotated[
        list[str] | None, Option("--slice", help="A column to slice by; may be repeated.", rich_help_panel=LOOK)
    ] = None,
    behaviour: Annotated[
        str | None, Option(help=f"A suite's YAML file, or `{NONE}`; the built-in one without it.", rich_help_panel=LOOK)
    ] = None,
    no_texts: Annotated[
        bool, Option("--no-texts", help="Keep no text in the study's folder.", rich_help_panel=SHOW)
    ] = False,
    quiet: Annotated[bool, Option("--quiet", help="Only errors.", rich_help_panel=SHOW)] = False,
    as_json: Annotated[bool, Option("--json", help="Events as JSON lines.", rich_help_panel=SHOW)] = False,
    plan: Annotated[
        bool, Option("--plan", help="Only say how trainings would be computed here and why.", rich_help_panel=BEFORE)
    ] = False,
    estimate: Annotated[
        bool, Option("--estimate", help="Only predict what each arm will take here.", rich_help_panel=BEFORE)
    ] = False,
) -> int:
    """Measure every arm on the same test rows, compare, and say whether fine-tuning is worth it; write results and a
    report to --out."""
    config = StudyConfig(
        model=ModelConfig(model, max_length, truncate),
        data=DataConfig(
            data, text_column, label_column, split_column, group_column, positive_label, train_size, validation_size,
            test_size, data_seed, folds, repeats,
        ),
        arms=_names(arms) or (),
        training=TrainingConfig(
            epochs, max_steps, learning_rate, batch_size, accumulation, schedule, warmup, weight_decay, max_grad_norm,
            evaluations, patience, select_by, class_weights, frozen_dropout,
            top_blocks, trunk_cache, trunk_cache_bytes, head_rate,
        ),
        lora=LoraConfig(rank, alpha, dropout, _names(target_modules)),
        methods=MethodsConfig(_options(set_option), rate_trials),
        probe=ProbeConfig(pooling),
        zero_shot=ZeroShotConfig(tuple(template) if template else None, _words(label_words), not no_calibration),
        curve=CurveConfig(_sizes(curve), _names(curve_arms), curve_seeds),
        analysis=AnalysisConfig(tuple(slice_by or ()), behaviour, str(label_next) if label_next else None),
        seed=seed,
        seeds=seeds,
        keep_texts=not no_texts,
    )  # fmt: skip
    if plan and estimate:
        raise ConfigError("--plan, --estimate: one of them is expected.")
    if plan:
        return _plan(config, as_json)
    return _estimate(config, quiet, as_json) if estimate else run(config, out, quiet, as_json)


def _plan(config: StudyConfig, as_json: bool) -> int:
    from lightune.cli.output import console, print_json
    from lightune.cli.plan_view import plan_view
    from lightune.models import quiet_transformers
    from lightune.records import to_json
    from lightune.study import study_plan

    with quiet_transformers():
        found = study_plan(config)
    if as_json:
        print_json({"event": "plan", "plan": to_json(found)})
    else:
        console().print(plan_view(found))
    return 0


def _estimate(config: StudyConfig, quiet: bool, as_json: bool) -> int:
    from lightune.cli.estimate_view import estimate_view
    from lightune.cli.output import console, print_json, progress_console
    from lightune.records import to_json
    from lightune.study import estimate_study

    shown = progress_console()
    with shown.status("reading the data") as status:
        silent = quiet or as_json or not shown.is_terminal
        found = estimate_study(config, None if silent else lambda arm: status.update(f"trying {arm}"))
    if as_json:
        print_json({"event": "estimate", "estimate": to_json(found)})
    else:
        console().print(estimate_view(found))
    return 1 if any(arm.run is None for arm in found.arms) else 0


def run(config: StudyConfig, out: Path, quiet: bool, as_json: bool) -> int:
    """Run the study, show what came of it, and return the exit code."""
    from lightune.cli.study_view import JsonView, QuietView, TerminalView

    view = QuietView() if quiet else JsonView() if as_json else TerminalView()
    with view:
        from lightune.study import run_study

        result = run_study(config, out, view.on_event)
    view.show(result, out)
    failed = any(arm.status != "done" for arm in result.arms) or any(curve.failed for curve in result.findings.curves)
    return 1 if failed else 0


def _names(value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _options(values: list[str] | None) -> dict[str, dict[str, Any]]:
    import yaml

    found: dict[str, dict[str, Any]] = {}
    for value in values or []:
        name, sign, text = value.partition("=")
        method, dot, option = name.partition(".")
        if not (method and dot and option and sign):
            raise ConfigError(f"--set: METHOD.OPTION=VALUE is expected, as vera.r=64, got {value!r}.")
        try:
            found.setdefault(method, {})[option] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {name}: a number, a word or true or false is expected, got {text!r}.") from None
    return found


def _sizes(value: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in _names(value) or ())
    except ValueError:
        raise ConfigError(f"--curve: whole numbers with commas between them are expected, got {value!r}.") from None


def _words(values: list[str] | None) -> dict[str, str] | None:
    if not values:
        return None
    pairs = [value.partition("=") for value in values]
    wrong = next((value for value, (_, sign, _words) in zip(values, pairs, strict=True) if not sign), None)
    if wrong is not None:
        raise ConfigError(f"--label-words: LABEL=WORD is expected, or LABEL=WORD|WORD, got {wrong!r}.")
    return {label: words for label, _, words in pairs}
