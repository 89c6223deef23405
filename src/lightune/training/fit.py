"""One training, from a model with something to train to the best of what it was on the validation split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback, TrainingArguments
from transformers.trainer_utils import EvalPrediction

from lightune.compute import Layout, laid_out_for, layout_for, quicken
from lightune.errors import Diverged, Lost
from lightune.models import laid_out
from lightune.progress import NOTE, Progress, silent
from lightune.ranks import SOLO, Group
from lightune.records import Plan, TrainingFacts, TrainingPoint
from lightune.runtime import pick_device
from lightune.training.batches import RowCollator, TokenRows
from lightune.training.callbacks import LookAtTheEnd, PredictionProgress, ProgressCallback, StopWhenNotFinite
from lightune.training.checkpoints import Checkpoints, Found
from lightune.training.demands import NOTHING, Demands
from lightune.training.gradients import check_gradients
from lightune.training.planning import (
    PLAN,
    carry_out,
    keep_plan,
    kept_plan,
    lessened,
    plan_training,
    taken_up,
    together,
)
from lightune.training.recipe import Recipe
from lightune.training.resumable import NothingLeft
from lightune.training.stopping import SafeStop, Stopped
from lightune.training.trainer import StepTrainer

# labels [n], logits [n, k] -> metrics by name
Measure = Callable[[NDArray[np.int64], NDArray[np.float64]], Mapping[str, float]]
LOGGED_POINTS = 50


@dataclass(frozen=True)
class Trained:
    """What a training gave: facts for the record, and how many useful tokens and rows its steps took.

    seconds_before: what it had taken in a process that was cut off, up to the checkpoint that this one went on from.
    notes: which checkpoints were broken and what served instead, a sentence each. best: checkpoint of its best look.
    """

    facts: TrainingFacts
    tokens: int
    rows: int
    seconds_before: float
    notes: tuple[str, ...] = ()
    best: Path | None = None


def fit(
    model: nn.Module,
    train: TokenRows,
    validation: TokenRows,
    recipe: Recipe,
    measure: Measure,
    *,
    head: Sequence[str],
    pad_id: int,
    seed: int,
    checkpoints: Path,
    progress: Progress,
    demands: Demands = NOTHING,
    callbacks: Sequence[TrainerCallback] = (),
    plan: Plan | None = None,
    halvings: int = 0,
    group: Group = SOLO,
) -> Trained:
    """Train `model` in place and leave it as it was at its best look at `validation`, judged by recipe.select_by.

    head: the names of the head's modules, which are checked to get a gradient. checkpoints: a folder; a training that
    was cut off goes on from the last whole one in it, and one that had ended is not trained again. demands: what the
    method asks for beside gradients. callbacks: hear of the training too; one that raises ends it, and its checkpoints
    stay. plan: how it is computed; None: as the part that was cut off was, else as is best here. halvings: how often
    its run was out of memory, for each of which a micro-batch has half the tokens. group: the processes that share each
    step; every one calls this alike, the first alone writes, and there alone is `model` at its best. Where it was
    spread over them it stays so, and its best is in the checkpoints alone. SIGINT and SIGTERM end the training where it
    can be saved; it is, and the signal goes to whoever had it before. Raises Diverged when the training diverges;
    `model` is then as it was at its best look before, if there was one. Raises Lost when another process of the group
    has gone; what the first one has come to is saved, unless the model was spread.
    """
    kept = Checkpoints(checkpoints)
    found = group.from_first(kept.newest() if group.first else Found(None, ()))
    for note in found.notes:
        progress("train", 0, recipe.steps, {NOTE: note})
    plan = _settled(plan, found, model, train, recipe, pad_id, group)
    plan = lessened(plan, halvings, model, train, recipe.batch_size)
    if group.first:
        keep_plan(plan, checkpoints)  # for as long as it trains, so that a run that is killed for memory knows
    carry_out(plan, model)
    sample = RowCollator(pad_id, plan.packed)([train[row] for row in range(min(4, len(train)))])
    check_gradients(model, sample, head)
    trainer = StepTrainer(
        model=model,
        args=_training_arguments(recipe, seed, checkpoints),
        train_dataset=train,
        eval_dataset=validation,
        compute_metrics=_measured(measure),
        callbacks=[*_callbacks(recipe, progress), *callbacks],
        pad_id=pad_id,
        layout=Layout(plan.packed),
        plan=plan,
        step_rows=recipe.step_rows,
        batch_size=recipe.batch_size,
        class_weights=_class_weights(recipe, train.labels),
        demands=demands,
        checkpoints=kept,
        group=group,
    )
    trainer.remove_callback(PrinterCallback)
    try:
        with laid_out(model, training=True) if plan.laid_out else nullcontext():
            _train(trainer, found.folder)
    except Diverged:
        _forget_plan(checkpoints, group)  # it is over
        raise
    _forget_plan(checkpoints, group)
    work = trainer.work
    facts, best = _facts(trainer, recipe, plan), trainer.state.best_model_checkpoint
    return Trained(
        facts, work.tokens, work.rows, work.seconds_before, found.notes, None if best is None else Path(best)
    )


def predict(
    model: nn.Module, rows: TokenRows, pad_id: int, scratch: Path, progress: Progress = silent
) -> NDArray[np.float64]:
    """Logits [n, ...] of `rows`, in their order, by the Trainer's prediction. `scratch`: a folder it may use."""
    trainer = StepTrainer(
        model=quicken(model),
        args=_arguments(scratch),
        pad_id=pad_id,
        layout=layout_for(model),
        callbacks=[PredictionProgress(progress)],
    )
    trainer.remove_callback(PrinterCallback)
    with laid_out_for(model, int(rows.encoded.lengths.sum())):
        return trainer.logits_of(rows)


def _settled(
    plan: Plan | None, found: Found, model: nn.Module, train: TokenRows, recipe: Recipe, pad_id: int, group: Group
) -> Plan:
    """The plan that was given, or that the training had before it was cut off, or what is best here: of several
    processes what each of them can do."""
    if plan is None and found.folder is not None and not group.sharded:
        plan = kept_plan(found.folder, model)
    if not all(group.gather(plan is not None)):
        plan = None
    if plan is None:
        plan = plan_training(model, train, recipe, pad_id, spread=group.sharded)
    else:
        plan = taken_up(plan, group.size)
    return together(group.gather(plan))


def _forget_plan(checkpoints: Path, group: Group) -> None:
    if group.first:
        (checkpoints / PLAN).unlink(missing_ok=True)


def _train(trainer: StepTrainer, checkpoint: Path | None) -> None:
    with SafeStop(trainer.group) as trainer.stop:
        try:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        except NothingLeft:
            trainer._load_best_model()
        except (Stopped, Lost) as error:
            # A model that is spread over processes is put together by all of them, and not without one.
            if isinstance(error, Stopped) if trainer.group.sharded else trainer.group.first:
                trainer.save_as_stopped()
            raise
        except Diverged as error:
            if trainer.state.best_model_checkpoint is not None:
                trainer._load_best_model()
                error.best_step = trainer.state.best_global_step
            raise


def _arguments(folder: Path, **options: Any) -> TrainingArguments:
    """What training and prediction have in common: the device that lightune picked, and quiet."""
    device = pick_device()
    arguments = TrainingArguments(
        output_dir=str(folder),
        label_names=["labels"],
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=device.name == "cuda",
        use_cpu=device.name == "cpu",  # the Trainer would take Apple's MPS
        bf16=device.precision == "bfloat16",
        ddp_broadcast_buffers=False,  # none of them learns
        average_tokens_across_devices=False,  # a step's loss is divided by its rows; nothing is to be asked of others
        ddp_find_unused_parameters=True,  # what a method trains need not have a part in each batch
        **options,
    )
    if arguments.n_gpu > 1:
        # A run takes one device: the Trainer would wrap the model in DataParallel, whose copies keep its own forward.
        arguments._n_gpu = 1
    return arguments


def _training_arguments(recipe: Recipe, seed: int, checkpoints: Path) -> TrainingArguments:
    metric = f"eval_{recipe.select_by}"
    return _arguments(
        checkpoints,
        max_steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        logging_steps=max(1, recipe.steps // LOGGED_POINTS),
        logging_nan_inf_filter=False,
        eval_strategy="steps",
        eval_steps=recipe.evaluate_every,
        save_strategy="steps",
        save_steps=recipe.evaluate_every,
        load_best_model_at_end=True,
        # How long a resumed training has waited for something better counts on from where it was cut off.
        restore_callback_states_from_checkpoint=True,
        metric_for_best_model=metric,
        greater_is_better=recipe.select_by != "loss",
        seed=seed,
    )


def _callbacks(recipe: Recipe, progress: Progress) -> list[Any]:
    callbacks: list[Any] = [ProgressCallback(progress), StopWhenNotFinite(), LookAtTheEnd()]
    if recipe.patience:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=recipe.patience))
    return callbacks


def _measured(measure: Measure) -> Callable[[EvalPrediction], dict[str, float]]:
    def compute(prediction: EvalPrediction) -> dict[str, float]:
        logits = np.asarray(prediction.predictions, dtype=np.float64)
        if not np.isfinite(logits).all():
            return {}  # The loss is no finite number either, for which StopWhenNotFinite ends the training.
        return dict(measure(np.asarray(prediction.label_ids, dtype=np.int64), logits))

    return compute


def _class_weights(recipe: Recipe, labels: NDArray[np.int64]) -> torch.Tensor | None:
    """For `balanced`, n / (labels present x rows of the label), as scikit-learn's `balanced`."""
    if recipe.class_weights == "none":
        return None
    counts = np.bincount(labels)
    weights = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return torch.as_tensor(weights, dtype=torch.float32)


def _facts(trainer: StepTrainer, recipe: Recipe, plan: Plan) -> TrainingFacts:
    state = trainer.state
    return TrainingFacts(
        steps=state.global_step,
        planned_steps=recipe.steps,
        epochs=float(state.epoch or 0.0),
        best_step=state.best_global_step or state.global_step,
        selected_by=recipe.select_by,
        stopped_early=state.global_step < recipe.steps,
        recipe=recipe.as_dict(),
        history=tuple(_point(entry) for entry in state.log_history if "train_runtime" not in entry),
        plan=plan,
    )


def _point(entry: Mapping[str, Any]) -> TrainingPoint:
    looked = {
        name.removeprefix("eval_"): float(value)
        for name, value in entry.items()
        if name.startswith("eval_") and name not in EVALUATION_TIMES
    }
    return TrainingPoint(
        step=int(entry["step"]),
        epoch=float(entry.get("epoch", 0.0)),
        train_loss=entry.get("loss"),
        learning_rate=entry.get("learning_rate"),
        gradient_norm=entry.get("grad_norm"),
        validation=looked or None,
    )


EVALUATION_TIMES = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "eval_model_preparation_time")
