"""`lightune study`: the arms on the data, measured, compared and reported."""

from __future__ import annotations

from pathlib import Path

from lightune.cli import options as o
from lightune.cli import values as v
from lightune.cli.where import LOCAL, Where
from lightune.config import (
    DEFAULT_ARMS,
    POOLINGS,
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

HERE = Where()
TRAIN = TrainingConfig()
LORA = LoraConfig()
CURVE = CurveConfig()
USUAL_ARMS = ",".join(DEFAULT_ARMS)


def study(
    out: o.Out,
    model: o.Model = "gpt2",
    data: o.Data = "embedded",
    arms: o.Arms = USUAL_ARMS,
    train_size: o.TrainSize = None,
    validation_size: o.ValidationSize = None,
    test_size: o.TestSize = None,
    text_column: o.TextColumn = None,
    label_column: o.LabelColumn = None,
    split_column: o.SplitColumn = None,
    group_column: o.GroupColumn = None,
    positive_label: o.PositiveLabel = None,
    data_seed: o.DataSeed = 0,
    folds: o.Folds = None,
    repeats: o.Repeats = 1,
    max_length: o.MaxLength = None,
    truncate: o.Truncate = "head",
    seed: o.Seed = 0,
    seeds: o.Seeds = 1,
    epochs: o.Epochs = None,
    max_steps: o.MaxSteps = None,
    learning_rate: o.LearningRate = None,
    head_rate: o.HeadRate = TRAIN.head_rate,
    batch_size: o.BatchSize = TRAIN.batch_size,
    accumulation: o.Accumulation = TRAIN.accumulation,
    schedule: o.Schedule = TRAIN.schedule,
    warmup: o.Warmup = TRAIN.warmup,
    weight_decay: o.WeightDecay = TRAIN.weight_decay,
    max_grad_norm: o.MaxGradNorm = TRAIN.max_grad_norm,
    evaluations: o.Evaluations = TRAIN.evaluations,
    patience: o.Patience = TRAIN.patience,
    select_by: o.SelectBy = TRAIN.select_by,
    class_weights: o.ClassWeights = TRAIN.class_weights,
    frozen_dropout: o.FrozenDropout = False,
    rank: o.Rank = LORA.rank,
    alpha: o.Alpha = LORA.alpha,
    dropout: o.Dropout = LORA.dropout,
    target_modules: o.TargetModules = None,
    top_blocks: o.TopBlocks = None,
    trunk_cache: o.TrunkCache = TRAIN.trunk_cache,
    trunk_cache_bytes: o.TrunkCacheBytes = TRAIN.trunk_cache_bytes,
    set_option: o.SetOption = None,
    rate_trials: o.RateTrials = None,
    template: o.Template = None,
    label_words: o.LabelWords = None,
    no_calibration: o.NoCalibration = False,
    pooling: o.Pooling = POOLINGS[0],
    curve: o.Curve = None,
    curve_arms: o.CurveArms = None,
    curve_seeds: o.CurveSeeds = CURVE.seeds,
    label_next: o.LabelNext = None,
    slice_by: o.SliceBy = None,
    behaviour: o.Behaviour = None,
    no_texts: o.NoTexts = False,
    quiet: o.Quiet = False,
    as_json: o.AsJson = False,
    plan: o.Plan = False,
    estimate: o.Estimate = False,
    executor: o.Executor = LOCAL,
    address: o.Address = None,
    cpus_per_run: o.CpusPerRun = None,
    gpus_per_run: o.GpusPerRun = None,
) -> int:
    """Measure every arm on the same test rows, compare, and say whether fine-tuning is worth it; write results and a
    report to --out."""
    config = StudyConfig(
        model=ModelConfig(model, max_length, truncate),
        data=DataConfig(
            data, text_column, label_column, split_column, group_column, positive_label, train_size, validation_size,
            test_size, data_seed, folds, repeats,
        ),
        arms=v.names(arms) or (),
        training=TrainingConfig(
            epochs, max_steps, learning_rate, batch_size, accumulation, schedule, warmup, weight_decay, max_grad_norm,
            evaluations, patience, select_by, class_weights, frozen_dropout,
            top_blocks, trunk_cache, trunk_cache_bytes, head_rate,
        ),
        lora=LoraConfig(rank, alpha, dropout, v.names(target_modules)),
        methods=MethodsConfig(v.method_options(set_option), rate_trials),
        probe=ProbeConfig(pooling),
        zero_shot=ZeroShotConfig(tuple(template) if template else None, v.label_words(label_words), not no_calibration),
        curve=CurveConfig(v.sizes(curve), v.names(curve_arms), curve_seeds),
        analysis=AnalysisConfig(tuple(slice_by or ()), behaviour, str(label_next) if label_next else None),
        seed=seed,
        seeds=seeds,
        keep_texts=not no_texts,
    )  # fmt: skip
    where = Where(executor, address, cpus_per_run, gpus_per_run)
    if plan and estimate:
        raise ConfigError("--plan, --estimate: one of them is expected.")
    if (plan or estimate) and where.executor != LOCAL:
        raise ConfigError("--plan, --estimate: they are of this machine alone; leave --executor out.")
    if plan:
        return _plan(config, as_json)
    return _estimate(config, quiet, as_json) if estimate else run(config, out, quiet, as_json, where)


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


def run(config: StudyConfig, out: Path, quiet: bool, as_json: bool, where: Where = HERE) -> int:
    """Run the study, show what came of it, and return the exit code."""
    from lightune.cli.study_view import JsonView, QuietView, TerminalView

    view = QuietView() if quiet else JsonView() if as_json else TerminalView()
    with view:
        from lightune.study import run_study

        with where.opened() as executor:
            result = run_study(config, out, view.on_event, executor)
    view.show(result, out)
    failed = any(arm.status != "done" for arm in result.arms) or any(curve.failed for curve in result.findings.curves)
    return 1 if failed else 0
