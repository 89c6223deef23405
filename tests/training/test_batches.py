"""Which rows a step sees, and how they are cut into micro-batches."""

import functools

import numpy as np
import pytest
import torch

from lightune.compute import Encoded
from lightune.compute.batching import FILL
from lightune.models import SEGMENTS
from lightune.records import Plan
from lightune.training.batches import RowCollator, StepCollator, StepSampler, TokenRows
from lightune.training.planning import micro_batches

TOKENS = 2048


def order_of(rows: int, step_rows: int, seed: int, epoch: int) -> list[list[int]]:
    sampler = StepSampler(rows, step_rows, seed)
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize(("rows", "step_rows"), [(1, 1), (16, 16), (17, 16), (50, 16), (5, 8)])
def test_an_epoch_shows_every_row_once(rows, step_rows):
    steps = order_of(rows, step_rows, 0, 0)
    assert sorted(row for step in steps for row in step) == list(range(rows))
    assert len(steps) == len(StepSampler(rows, step_rows, 0))
    assert all(len(step) == step_rows for step in steps[:-1])


def test_the_order_is_a_function_of_seed_and_epoch_alone():
    first = order_of(50, 16, 3, 2)
    assert order_of(50, 16, 3, 2) == first
    assert order_of(50, 16, 3, 1) != first
    assert order_of(50, 16, 4, 2) != first
    # However many rows a step takes, they come in one order.
    assert [row for step in order_of(50, 7, 3, 2) for row in step] == [row for step in first for row in step]


def rows_of(*lengths: int) -> list[dict[str, object]]:
    encoded = Encoded(
        ids=tuple(np.full(length, at + 1, dtype=np.int32) for at, length in enumerate(lengths)),
        cut=np.zeros(len(lengths), dtype=bool),
    )
    labels = np.arange(len(lengths), dtype=np.int64) % 2
    rows = TokenRows(encoded, labels)
    return [rows[at] for at in range(len(rows))]


def collator(batch_size: int, packed: bool = False) -> StepCollator:
    plan = Plan(threads=1, packed=packed, onednn=False, micro_tokens=TOKENS, checkpointing=False)
    return StepCollator(RowCollator(0, packed), functools.partial(micro_batches, plan, batch_size=batch_size))


def test_a_steps_rows_all_come_each_with_its_label():
    lengths = (3, 40, 5, 41, 4, 200)
    batches = collator(4)(rows_of(*lengths))["micro_batches"]
    seen = {}
    for batch in batches:
        for ids, mask, label in zip(batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True):
            tokens = ids[mask.bool()]
            assert torch.equal(ids[~mask.bool()], torch.zeros(int((1 - mask).sum()), dtype=torch.int64))
            seen[int(tokens[0]) - 1] = (len(tokens), int(label))
    assert seen == {at: (length, at % 2) for at, length in enumerate(lengths)}


def test_a_micro_batch_keeps_to_its_bounds():
    batches = collator(4)(rows_of(*[500] * 20))["micro_batches"]
    assert all(len(batch["labels"]) <= 4 for batch in batches)
    batches = collator(64)(rows_of(*[500] * 20))["micro_batches"]
    assert all(batch["input_ids"].numel() <= TOKENS for batch in batches)


def test_rows_that_differ_in_length_are_hardly_padded():
    lengths = np.random.default_rng(0).integers(5, 500, size=64)
    batches = collator(16)(rows_of(*lengths.tolist()))["micro_batches"]
    tokens = sum(batch["input_ids"].numel() for batch in batches)
    assert lengths.sum() / tokens > 0.9


def test_packed_rows_stand_end_to_end_in_few_batches_of_about_the_same_size():
    lengths = np.random.default_rng(0).integers(5, 500, size=64).tolist()
    batches = collator(64, packed=True)(rows_of(*lengths))["micro_batches"]
    seen = {}
    for batch in batches:
        segments = batch[SEGMENTS]
        assert batch["input_ids"].shape == (1, segments.tokens + segments.filler)
        assert 0 <= segments.filler < FILL
        own = batch["input_ids"][0, : segments.tokens].split(segments.lengths)
        for ids, label in zip(own, batch["labels"], strict=True):
            seen[int(ids[0]) - 1] = (len(ids), int(label))
            assert len(set(ids.tolist())) == 1
    assert seen == {at: (length, at % 2) for at, length in enumerate(lengths)}
    loads = [batch[SEGMENTS].tokens for batch in batches]
    assert len(batches) == -(-sum(lengths) // TOKENS)
    assert max(loads) <= TOKENS
    assert min(loads) > 0.9 * max(loads)
