"""What the Trainer calls while it trains: progress for people, what it took, an end to one that has gone wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from lightune.errors import Diverged
from lightune.progress import Progress
from lightune.training.whole_tensors import whole


class ProgressCallback(TrainerCallback):
    """Passes each step, each logged loss and each look at the validation split on to `progress`."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """One more step."""
        self.progress("train", state.global_step, state.max_steps, {})

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Losses and metrics."""
        facts = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        self.progress("train", state.global_step, state.max_steps, facts)


class Work(TrainerCallback, ExportableState):
    """Counts what a training takes. It is saved with each checkpoint, so that one that was cut off and gone on with
    counts what its parts took together. tokens: useful ones; rows: each pass over a row; seconds_before: of the parts
    before this one, up to the checkpoint that was gone on from."""

    def __init__(self) -> None:
        self.tokens = 0
        self.rows = 0
        self.seconds_before = 0.0
        self.started = time.perf_counter()

    def state(self) -> dict[str, Any]:
        """What the Trainer keeps in a checkpoint, from which it makes this object again."""
        seconds = self.seconds_before + time.perf_counter() - self.started
        return {"args": {}, "attributes": {"tokens": self.tokens, "rows": self.rows, "seconds_before": seconds}}


class AtRest(TrainerCallback):
    """Calls `begin` when a training begins, and `rest` wherever it could be cut off and go on: after each step, and
    after each look at the validation rows."""

    def __init__(self, begin: Callable[[], None], rest: Callable[[], None]) -> None:
        self.begin = begin
        self.rest = rest

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Before the first step."""
        self.begin()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Before a look, if one is due."""
        self.rest()

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """After a look."""
        self.rest()


class AfterStep(TrainerCallback):
    """Calls what a method wants to be called after each optimizer step, before the gradients go."""

    def __init__(self, call: Callable[[int], None]) -> None:
        self.call = call

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The step's number counts from 0."""
        self.call(state.global_step)


class StopWhenNotFinite(TrainerCallback):
    """Ends the training with Diverged when a logged loss or gradient norm, or a trained weight at a look at the
    validation rows, is no finite number.

    The Trainer's own filter would log a loss that is not a number as 0 and go on.
    """

    def __init__(self) -> None:
        self.last = ""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Look at the logged numbers."""
        for name, title in TITLES.items():
            value = (logs or {}).get(name)
            if value is not None and not math.isfinite(float(value)):
                raise Diverged(f"{_diverged(f'{title} was {value}', state)}{self.last}. {_to_try(args)}")
        if "loss" in (logs or {}):
            self.last = f" (at step {state.global_step} the loss was {float((logs or {})['loss']):.4g})"

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look at the weights before they are saved: a loss may not depend on one that is broken."""
        for name, parameter in kwargs["model"].named_parameters():
            if parameter.requires_grad and not whole(parameter.detach()).isfinite().all():
                raise Diverged(f"{_diverged(f'{name} had weights that are no finite numbers', state)}. {_to_try(args)}")


TITLES = {"loss": "the loss", "grad_norm": "the gradient's norm", "eval_loss": "the loss of the validation rows"}


def _diverged(what: str, state: TrainerState) -> str:
    return f"The training diverged: {what} by step {state.global_step} of {state.max_steps}"


def _to_try(args: TrainingArguments) -> str:
    smaller = f"Try a --learning-rate smaller than {args.learning_rate:g}"
    norm = args.max_grad_norm
    return f"{smaller}, or a --max-grad-norm smaller than {norm:g}." if norm else f"{smaller}, or --max-grad-norm 1."


class LookAtTheEnd(TrainerCallback):
    """Evaluates and saves after the last step, wherever the interval falls."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Ask for both at the last step."""
        if state.global_step >= state.max_steps:
            control.should_evaluate = True
            control.should_save = True
            control.should_log = True
        return control


class PredictionProgress(TrainerCallback):
    """Passes each batch of a prediction on to `progress`, in batches."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.done = 0

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """One more batch."""
        self.done += 1
        loader = kwargs.get("eval_dataloader")
        self.progress("predict", self.done, len(loader) if loader is not None else self.done, {})
