"""What the Trainer calls while it trains: progress for people, an end to a training that has gone wrong."""

from __future__ import annotations

import math
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lightune.errors import RunError
from lightune.progress import Progress


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


class StopWhenNotFinite(TrainerCallback):
    """Ends the training with RunError when a logged loss or gradient norm is no finite number.

    The Trainer's own filter would log a loss that is not a number as 0 and go on.
    """

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Look at the logged numbers."""
        for name in ("loss", "grad_norm", "eval_loss"):
            value = (logs or {}).get(name)
            if value is not None and not math.isfinite(float(value)):
                raise RunError(
                    f"The training diverged: {name} was {value} by step {state.global_step} of {state.max_steps}. "
                    "Try a smaller --learning-rate or a smaller --max-grad-norm."
                )


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
