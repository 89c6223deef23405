"""transformers' Trainer with checkpoints that are whole or not there, and that have all by which a training goes on to
the same end."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import ExportableState

from lightune.ranks import SOLO, Group
from lightune.records import Plan
from lightune.training.callbacks import AfterStep, AtRest, Work
from lightune.training.checkpoints import Checkpoints
from lightune.training.demands import NOTHING, Demands
from lightune.training.planning import keep_plan
from lightune.training.saved_state import METHOD_FILE, RandomState, Resumed, load_state, optimizer_values, save_state
from lightune.training.trained_state import TRAINED_FILE, load_trained, save_trained, trained_values


class NothingLeft(Exception):
    """A training that goes on from a checkpoint had come to its end already."""


class ResumableTrainer(Trainer):
    """A Trainer that writes checkpoints of lightune's own in place of its, and goes on from them. Of several processes
    the first writes."""

    def __init__(
        self,
        *,
        plan: Plan | None = None,
        demands: Demands = NOTHING,
        checkpoints: Checkpoints | None = None,
        group: Group = SOLO,
        callbacks: Sequence[TrainerCallback] = (),
        **kwargs: Any,
    ) -> None:
        # First of all, so that whoever else hears that a training begins sees what it goes on from.
        super().__init__(callbacks=[AtRest(self._go_on, self._look_at_random), *callbacks], **kwargs)
        self.add_callback(Work())
        if demands.after_step is not None:
            self.add_callback(AfterStep(demands.after_step))
        self.demands = demands
        self.plan = plan
        self.checkpoints = checkpoints
        self.group = group
        # Of the generators between two steps: what a step that is cut off has drawn is not to be missed.
        self.random = RandomState.now()
        # The step that is on disk, and whether its look at the validation rows is still to come.
        self.kept = (0, False)
        self._resumed: Resumed | None = None
        self._resumed_from: Path | None = None

    @property
    def work(self) -> Work:
        """What the training took so far. The Trainer puts another object in its place when it goes on from a
        checkpoint, so it is looked up each time."""
        return next(callback for callback in self.callback_handler.callbacks if isinstance(callback, Work))

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        save_trained(bare(self.model), Path(str(output_dir or self.args.output_dir)))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:  # noqa: ARG002
        """One of our own in place of the Trainer's, which is written in place, in pickles."""
        assert self.checkpoints is not None
        step, best = self.state.global_step, self.state.best_global_step or None
        if best is not None:
            self.state.best_model_checkpoint = str(self.checkpoints.folder(best))
        states: Any = self.state.stateful_callbacks
        for one in (*self.callback_handler.callbacks, self.control):
            if isinstance(one, ExportableState):
                states[type(one).__name__] = one.state()
        fill = functools.partial(self._fill, self._values()) if self.group.first or self.group.sharded else None
        with self.group.first_goes_first():  # the others wait for it, however long a disk takes
            if self.group.first and fill is not None:
                self.checkpoints.write(step, best, fill)
        self.kept = (step, self.control.should_evaluate)

    def _values(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What is trained and what the optimizer remembers, in one piece. Of a model that is spread over processes all
        of them put it together."""
        assert self.optimizer is not None
        return trained_values(bare(self.model)), optimizer_values(self.optimizer)

    def _fill(self, values: tuple[dict[str, Tensor], dict[str, Any]], folder: Path) -> None:
        """All that decides how the training goes on, into `folder`."""
        assert self.plan is not None
        trained, remembered = values
        save_file(trained, folder / TRAINED_FILE)
        resumed = Resumed(self.random, float(self._tr_loss), self._globalstep_last_logged)
        save_state(folder, remembered, self.lr_scheduler, resumed)
        if self.demands.after_step is not None:
            save_file(self.demands.after_step.state(), folder / METHOD_FILE)
        keep_plan(self.plan, folder)
        self.state.save_to_json(str(folder / TRAINER_STATE_NAME))

    def save_as_stopped(self) -> None:
        """Write a checkpoint of a training that `stop` ended, unless it stands there already: in a step, of that step's
        start; in a look at the validation rows, of the step before it, the look still to come."""
        if self.kept != (self.state.global_step, self.control.should_evaluate):
            self._save_checkpoint(bare(self.model), None)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            assert self.optimizer is not None
            self._resumed_from = Path(checkpoint)
            self._resumed = load_state(self._resumed_from, self.optimizer, self.lr_scheduler)

    def _load_rng_state(self, checkpoint: str | None) -> None:  # noqa: ARG002
        # What the checkpoint has, or what a look that was still to come has left.
        self.random.restore()

    def _go_on(self) -> None:
        """Put back what else the checkpoint has, as the training begins. Raises NothingLeft where it had ended."""
        if self._resumed is None or self._resumed_from is None:
            return
        state, self.random = self.state, self._resumed.random
        self._tr_loss.fill_(self._resumed.loss)
        self._globalstep_last_logged = self._resumed.logged
        if self.demands.after_step is not None:
            self.demands.after_step.load(load_file(self._resumed_from / METHOD_FILE))
        if state.best_global_step and self.checkpoints is not None:  # the folder may have been moved
            state.best_model_checkpoint = str(self.checkpoints.folder(state.best_global_step))
        states: Any = state.stateful_callbacks
        ended = bool(states["TrainerControl"]["args"]["should_training_stop"])
        self.kept = (state.global_step, self.control.should_evaluate)
        if self.control.should_evaluate:  # it was stopped in this look
            self.random.restore()
            self._determine_best_metric(metrics=self._evaluate(None, None), trial=None)
            self._save_checkpoint(bare(self.model), None)
            self.control = self.callback_handler.on_save(self.args, state, self.control)
            ended = self.control.should_training_stop
        if ended or state.global_step >= state.max_steps:
            raise NothingLeft

    def _look_at_random(self) -> None:
        self.random = RandomState.now()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        load_trained(bare(model or self.model), Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        if self.group.first and not self.group.sharded:  # else nobody answers with this one
            load_trained(bare(self.model), Path(str(self.state.best_model_checkpoint)))


def bare(model: nn.Module | None) -> nn.Module:
    """The model, which a Trainer that trains has."""
    assert model is not None
    return model
