"""An optimizer step is one mean over its rows, however they are cut into micro-batches."""

from __future__ import annotations

import functools
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainingArguments

from lightune.compute import Layout
from lightune.records import Plan
from lightune.training.batches import RowCollator, StepCollator
from lightune.training.planning import micro_batches
from lightune.training.trainer import StepTrainer
from tests.fixtures.tiers import few
from tests.training.tiny import Training, one_by_one

ROWS = 16


def trainer_of(training: Training, scratch: Path, **options: Any) -> StepTrainer:
    arguments = TrainingArguments(output_dir=str(scratch), label_names=["labels"], report_to="none", disable_tqdm=True)
    return StepTrainer(model=training.model, args=arguments, pad_id=training.pad_id, **options)


def gradients(training: Training) -> dict[str, torch.Tensor]:
    found = {name: value.grad.clone() for name, value in training.model.named_parameters() if value.grad is not None}
    training.model.zero_grad()
    return found


def expected(training: Training, weights: torch.Tensor | None = None) -> tuple[float, dict[str, torch.Tensor]]:
    training.model.train()
    loss = one_by_one(training.model, training.train, weights)
    loss.backward()
    return loss.item(), gradients(training)


def largest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one)


def cut(training: Training, *sizes: int, packed: bool = False) -> dict[str, Any]:
    """The rows in micro-batches of the given sizes."""
    starts = np.cumsum([0, *sizes])
    groups = [list(range(start, stop)) for start, stop in pairwise(starts)]
    return StepCollator(RowCollator(training.pad_id, packed), lambda _: groups)(
        [training.train[at] for at in range(sum(sizes))]
    )


CUTS = [(16,), (5, 3, 8), *(pytest.param(sizes, marks=pytest.mark.full) for sizes in ((1,) * 16, (15, 1)))]


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("sizes", CUTS, ids=str)
def test_however_a_step_is_cut_its_gradient_is_that_of_one_batch(bases, tmp_path, sizes, packed):
    training = Training(bases["gpt2"], ROWS)
    loss, reference = expected(training)
    found = trainer_of(training, tmp_path).training_step(training.model, cut(training, *sizes, packed=packed))
    assert found.item() == pytest.approx(loss, abs=1e-5)
    assert largest(gradients(training), reference) < 1e-5


@pytest.mark.full
@pytest.mark.parametrize("sizes", [(16,), (5, 3, 8)], ids=str)
def test_class_weights_divide_by_the_steps_weights(bases, tmp_path, sizes):
    training = Training(bases["gpt2"], ROWS)
    weights = torch.tensor([0.25, 3.0])
    loss, reference = expected(training, weights)
    trainer = trainer_of(training, tmp_path, class_weights=weights)
    found = trainer.training_step(training.model, cut(training, *sizes))
    assert found.item() == pytest.approx(loss, abs=1e-5)
    assert largest(gradients(training), reference) < 1e-5
    _, unweighted = expected(training)
    assert largest(reference, unweighted) > 1e-3


@pytest.mark.full
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("batch_size", few([1, 3, 16], 3))
def test_the_batch_size_changes_what_a_step_costs_and_not_what_it_is(bases, tmp_path, batch_size, packed):
    training = Training(bases["gpt2"], ROWS)
    loss, reference = expected(training)
    plan = Plan(threads=1, packed=packed, onednn=False, micro_tokens=200, checkpointing=False)
    cut_up = functools.partial(micro_batches, plan, batch_size=batch_size)
    step = StepCollator(RowCollator(training.pad_id, packed), cut_up)([training.train[at] for at in range(ROWS)])
    assert trainer_of(training, tmp_path).training_step(training.model, step).item() == pytest.approx(loss, abs=1e-5)
    assert largest(gradients(training), reference) < 1e-5


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_a_step_counts_its_rows_and_its_useful_tokens(bases, tmp_path, packed):
    training = Training(bases["gpt2"], ROWS)
    trainer = trainer_of(training, tmp_path)
    for _ in range(2):
        trainer.training_step(training.model, cut(training, 5, 3, 8, packed=packed))
    assert trainer.work.rows == 2 * ROWS
    assert trainer.work.tokens == 2 * int(training.train.encoded.lengths.sum())


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "packed"), [("gpt2", False), ("gpt2", True), ("bert", False), ("llama", False), ("llama", True)]
)
def test_logits_come_in_the_order_of_the_rows(bases, tmp_path, kind, packed):
    training = Training(bases[kind], 30)
    training.model.eval()
    logits = trainer_of(training, tmp_path, layout=Layout(packed, rows=7)).logits_of(training.train)
    with torch.no_grad():
        for at in range(len(training.train)):
            ids = torch.as_tensor(training.train[at]["ids"].astype(np.int64))[None]
            alone = training.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
            assert np.abs(logits[at] - alone.numpy()).max() < 1e-5


@pytest.mark.full
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_the_validation_loss_is_a_mean_over_rows(bases, tmp_path, packed):
    training = Training(bases["gpt2"], 7)
    training.model.eval()
    layout = Layout(packed, rows=5)
    trainer = trainer_of(training, tmp_path, layout=layout, compute_metrics=lambda prediction: {})
    with torch.no_grad():
        loss = one_by_one(training.model, training.validation).item()
    assert trainer.evaluate(training.validation)["eval_loss"] == pytest.approx(loss, abs=1e-5)
