"""transformers' Trainer, taught four things beside its checkpoints: a step whose loss is one mean however it is cut up,
batches without padding, to stop where it can be saved, and all that by several processes. All else, from the optimizer
to evaluation, is the Trainer's own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from accelerate.data_loader import prepare_data_loader
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers.trainer_utils import EvalLoopOutput, EvalPrediction

from lightune.compute import Layout
from lightune.errors import RunError
from lightune.runtime import seed_everything
from lightune.training.batches import RowCollator, StepCollator, StepSampler, TokenRows
from lightune.training.dealing import Share, share
from lightune.training.planning import micro_batches
from lightune.training.resumable import ResumableTrainer, bare
from lightune.training.stopping import SafeStop

PADDED = Layout(packed=False)


class StepTrainer(ResumableTrainer):
    """A Trainer whose "batch" is a whole optimizer step.

    The stock Trainer sums micro-batch means for GPT-2 (transformers #47688), and a mean of means is wrong when they
    differ in size. Here the losses of a step's rows are summed over its micro-batches and divided once by the step's
    rows (or their weights), so 5 + 3 + 8 rows give the gradient of one batch of 16.
    """

    def __init__(
        self,
        *,
        pad_id: int,
        layout: Layout = PADDED,
        step_rows: int = 16,
        batch_size: int = 16,
        class_weights: Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pad_id = pad_id
        self.layout = layout
        self.step_rows = step_rows
        self.batch_size = batch_size
        self.class_weights = class_weights
        self.stop = SafeStop(self.group)

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Forward and backward over this process's micro-batches of the step; returns the step's loss."""
        model.train()
        micro_batches = [self._prepare_inputs(batch) for batch in inputs["micro_batches"]]
        counting = len(micro_batches) - inputs["fillers"]
        step_labels = inputs["labels"].to(self.args.device)
        total = self._weights(step_labels).sum()
        loss = torch.zeros((), device=self.args.device)
        with self.group.watched(), self.stop.allowed():
            self._draw_apart()
            for at, batch in enumerate(micro_batches):
                if at:  # of which each process has as many; a whole step may take longer than whoever asks waits
                    self.stop.ask()
                labels = batch.pop("labels")
                weights = self._weights(labels) if at < counting else torch.zeros(len(labels), device=labels.device)
                last = at == len(micro_batches) - 1  # with which the processes' gradients come together
                with nullcontext() if last else self.accelerator.no_sync(model):
                    with self.compute_loss_context_manager():
                        part = self._share_of_loss(model, batch, labels, weights, total)
                    self.accelerator.backward(part * self.group.size)  # they are averaged, and are to be summed
                loss += part.detach()
            self.group.add(loss)
        work = self.work
        work.tokens += inputs["tokens"]
        work.rows += len(step_labels)
        return loss

    def _share_of_loss(
        self, model: nn.Module, batch: dict[str, Any], labels: Tensor, weights: Tensor, total: Tensor
    ) -> Tensor:
        """A micro-batch's part of the step's mean."""
        output = model(**batch, labels=labels) if self.demands.own_loss else model(**batch)
        logits = output.logits.float()
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        part: Tensor = (losses * weights).sum() / total
        if self.demands.own_loss:  # what the method adds to the mean, by this micro-batch's share of the step
            part = part + (output.loss - losses.mean()) * weights.sum() / total
        return part

    def _draw_apart(self) -> None:
        """Give each process but the first random numbers of its own, which follow from seed, rank and step alone: a
        checkpoint has those of the first."""
        if not self.group.first:
            drawn = np.random.SeedSequence((self.args.seed, self.group.rank, self.state.global_step))
            seed_everything(int(drawn.generate_state(1)[0]))

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        """The Trainer's; it is between two steps, so where another process has gone this one can save."""
        with self.group.watched():
            super()._maybe_log_save_evaluate(*args, **kwargs)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The Trainer's, with parameters that learn faster in groups of their own."""
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        names = {id(parameter): f".{name}" for name, parameter in bare(self.model).named_parameters()}
        for group in list(optimizer.param_groups):
            for part, factor in self.demands.rate_factors.items():
                faster = [one for one in group["params"] if part in names[id(one)]]
                if faster:
                    group["params"] = [one for one in group["params"] if part not in names[id(one)]]
                    rate = group["lr"] * factor
                    optimizer.add_param_group({**group, "params": faster, "lr": rate, "initial_lr": rate})
        return optimizer

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Whole steps, in the sampler's order."""
        rows = self.train_dataset
        assert isinstance(rows, TokenRows)
        assert self.plan is not None
        sampler = StepSampler(len(rows), self.step_rows, self.args.seed)
        cut = functools.partial(micro_batches, self.plan, batch_size=self.batch_size)
        collator = StepCollator(RowCollator(self.pad_id, self.plan.packed), cut, self.group.rank, self.group.size)
        return self._prepared(DataLoader(rows, batch_sampler=sampler, collate_fn=collator))

    def get_eval_dataloader(self, eval_dataset: str | Dataset[Any] | None = None) -> DataLoader[Any]:
        """Batches of like length."""
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        return self._length_loader(rows)

    def get_test_dataloader(self, test_dataset: Dataset[Any]) -> DataLoader[Any]:
        """The same as for evaluation."""
        return self._length_loader(test_dataset)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """The Trainer's, with the loss taken over rows: its own is a mean over batches, which differ in size here."""
        with self.group.watched(), self.stop.allowed():
            output = (
                super().evaluation_loop(*args, **kwargs) if self.group.alone else self._shared_look(*args, **kwargs)
            )
        prefix = kwargs.get("metric_key_prefix", "eval")
        logits = np.asarray(output.predictions)
        if output.metrics and f"{prefix}_loss" in output.metrics and logits.ndim == 2:
            losses = nn.functional.cross_entropy(torch.from_numpy(logits).double(), torch.as_tensor(output.label_ids))
            output.metrics[f"{prefix}_loss"] = float(losses) if np.isfinite(logits).all() else math.nan
        return output

    def _shared_look(self, dataloader: DataLoader[Any], *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """The Trainer's loop over this process's share of the rows, and the metrics of all rows, in their order."""
        measure, self.compute_metrics = self.compute_metrics, None
        self.gather_function = lambda own: own
        try:
            output = super().evaluation_loop(dataloader, *args, **kwargs)
        finally:
            self.compute_metrics = measure
        rows = dataloader.dataset
        assert isinstance(rows, TokenRows)
        own = self._share(rows).rows
        logits = collected(self.group.gather((own, np.asarray(output.predictions)[: len(own)])), len(rows))
        metrics = {} if measure is None else measure(EvalPrediction(predictions=logits, label_ids=rows.labels))
        prefix = kwargs.get("metric_key_prefix", "eval")
        named = {f"{prefix}_{name}": value for name, value in metrics.items()}
        return EvalLoopOutput(logits, rows.labels, {**(output.metrics or {}), **named}, len(rows))

    def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
        """The Trainer's; several processes agree before each whether to stop."""
        if not self.group.alone:
            self.stop.ask()
        return super().prediction_step(*args, **kwargs)

    def logits_of(self, rows: TokenRows) -> NDArray[np.float64]:
        """Logits [n, ...] of `rows`, in their order, by the Trainer's own prediction loop."""
        predictions = np.asarray(self.predict(rows).predictions, dtype=np.float64)
        logits = np.empty_like(predictions)
        logits[[row for batch in self.layout.batches(rows.encoded.lengths) for row in batch]] = predictions
        return logits

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:  # noqa: ARG002
        """Nothing: the Trainer's estimate does not know what a step is here."""
        return 0

    def _weights(self, labels: Tensor) -> Tensor:
        if self.class_weights is None:
            return torch.ones(len(labels), device=labels.device)
        return self.class_weights.to(labels.device)[labels]

    def _length_loader(self, rows: Any) -> DataLoader[Any]:
        assert isinstance(rows, TokenRows)
        own = self._share(rows)
        filler = [int(rows.encoded.lengths.argmin())]
        batches = [*own.batches, *(filler for _ in range(own.fillers))]
        collator = RowCollator(self.pad_id, self.layout.packed)
        return self._prepared(DataLoader(rows, batch_sampler=batches, collate_fn=collator))

    def _share(self, rows: TokenRows) -> Share:
        """What this process looks at of `rows`."""
        return share(rows.encoded.lengths, self.layout.batches, self.group.rank, self.group.size)

    def _prepared(self, loader: DataLoader[Any]) -> DataLoader[Any]:
        """`loader` as accelerate makes it for one process: what is in it has been shared out."""
        if self.group.alone:
            return self.accelerator.prepare(loader)  # type: ignore[no-any-return]
        return prepare_data_loader(loader, self.accelerator.device, 1, 0, put_on_device=True)  # type: ignore[no-any-return]


def collected(shares: Sequence[tuple[list[int], NDArray[Any]]], rows: int) -> NDArray[Any]:
    """Answers [rows, ...] in the order of the rows, from the row numbers and answers of each process. Raises RunError
    unless each row is there exactly once."""
    order = np.asarray([row for own, _ in shares for row in own], dtype=np.int64)
    found = np.concatenate([answers for _, answers in shares])
    if len(order) != len(found) or not np.array_equal(np.sort(order), np.arange(rows)):
        raise RunError(f"Each of {rows:,} rows is to be answered once; {len(order):,} answers came from the processes.")
    answers = np.empty_like(found)
    answers[order] = found
    return answers
