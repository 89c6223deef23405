"""A run that was out of memory goes on with half the micro-batch: the same weights, said aloud, and not for ever."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lightune.config import TrainingConfig
from lightune.errors import RunError
from lightune.runtime import out_of_memory
from lightune.study import checkpoints, in_process, in_worker, less_memory, run_study
from lightune.study.checkpoints import OwnCheckpoints
from lightune.training.trainer import StepTrainer
from tests.study.shared import quick_config, write_reviews

TRAINING = TrainingConfig(max_steps=6, evaluations=3, patience=0)


class OutOfMemoryError(RuntimeError):
    """Named as torch's, which is CUDA's."""


NO_MEMORY = [
    MemoryError("no room"),
    OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
    RuntimeError("CUDA error: out of memory"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried …"),
]


@pytest.mark.parametrize("error", NO_MEMORY)
def test_what_lack_of_memory_looks_like(error):
    assert out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), OSError(28, "No space left on device")])
def test_what_it_does_not_look_like(error):
    assert not out_of_memory(error)


def test_torch_says_it_that_way():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(caught.value)


@pytest.mark.parametrize(("error", "stay"), [(NO_MEMORY[0], True), (RuntimeError("no"), False)])
def test_a_run_that_had_gone_on_and_was_out_of_memory_keeps_its_checkpoints(tmp_path, error, stay):
    kept = tmp_path / checkpoints.CHECKPOINTS / "checkpoint-2"
    with OwnCheckpoints(tmp_path, "mine", print):
        kept.mkdir()
    with pytest.raises(type(error)), OwnCheckpoints(tmp_path, "mine", print):
        raise error
    assert kept.exists() == stay


@pytest.fixture
def config(tiny_gpt2, tmp_path):
    data = write_reviews(tmp_path / "reviews", 30, 10)
    return quick_config(tiny_gpt2, data, arms=("lora",), training=TRAINING)


def short_of_memory(monkeypatch, most: int, error: Exception) -> list[int]:
    """Have every training step from the fifth on raise where a micro-batch has more rows than `most`. Returns the
    steps that were done."""
    real = StepTrainer.training_step
    done: list[int] = []

    def step(self, model, inputs, *rest):
        rows = max(len(batch["labels"]) for batch in inputs["micro_batches"])
        if self.state.global_step >= 4 and rows > most:
            raise error
        loss = real(self, model, inputs, *rest)
        done.append(self.state.global_step)
        return loss

    monkeypatch.setattr(StepTrainer, "training_step", step)
    return done


def adapter(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "arms" / "lora" / "adapter_model.safetensors")


@pytest.mark.full
def test_it_goes_on_from_its_checkpoint_in_halves_to_the_same_weights(config, tmp_path, monkeypatch):
    whole = run_study(config, tmp_path / "whole", executor=in_process).arms[0]
    said = []
    with monkeypatch.context() as patch:
        done = short_of_memory(patch, 4, NO_MEMORY[1])
        result = run_study(
            config, tmp_path / "out", lambda event: event.kind == "notice" and said.append(event), in_process
        )
    (lora,) = result.arms
    assert lora.status == "done"
    assert done[:4] == [0, 1, 2, 3]
    assert set(done[4:]) == {4, 5}  # nothing before the checkpoint at step 4 is done again
    times = len(said)
    assert 1 < times <= less_memory.MOST_HALVINGS
    assert all("CUDA out of memory" in event.phase and "half the micro-batch" in event.phase for event in said)
    assert f"{times} of 4 times" in said[-1].phase
    ours, theirs = adapter(tmp_path / "out"), adapter(tmp_path / "whole")
    assert max((ours[name] - theirs[name]).abs().max().item() for name in ours) < 1e-5
    plans = lora.training.plan, whole.training.plan
    assert [plan.halvings for plan in plans] == [times, 0]
    assert plans[0].micro_tokens < plans[1].micro_tokens / 4
    assert any(f"out of memory {times} times" in note for note in lora.notes)
    assert f"out of memory {times} times" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.full
def test_it_does_not_try_for_ever(config, tmp_path, monkeypatch):
    said = []
    with monkeypatch.context() as patch:
        short_of_memory(patch, 0, MemoryError("no room at all"))
        (lora,) = run_study(
            config, tmp_path / "out", lambda event: event.kind == "notice" and said.append(event), in_process
        ).arms
    assert lora.status == "failed"
    assert len(said) == less_memory.MOST_HALVINGS
    assert "no room at all" in lora.reason
    assert "halved 4 times" in lora.reason
    # The same command goes on from where it stood, with micro-batches as small as they were.
    done = short_of_memory(monkeypatch, 2, MemoryError("no room"))
    (lora,) = run_study(config, tmp_path / "out", executor=in_process).arms
    assert lora.status == "done"
    assert done == [4, 5]


@pytest.mark.full
def test_a_worker_that_is_killed_goes_on_too_and_without_the_guard_it_does_not(config, tmp_path, monkeypatch):
    """The kill is real: a package on the worker's path has each process sent one at its fifth step, once or always."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(KILLING)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'path'}:{Path(less_memory.__file__).parents[2]}")
    monkeypatch.setenv("KILLED_ONCE", str(tmp_path / "killed"))
    config = replace(config, arms=("lora",))
    with monkeypatch.context() as patch:
        patch.setattr(less_memory, "_halvings", lambda _: None)
        (lora,) = run_study(config, tmp_path / "without", executor=in_worker).arms
    assert lora.status == "failed"
    assert "ran out of memory" in lora.reason
    assert "smaller --max-length" in lora.reason
    (tmp_path / "killed").unlink()
    said = []
    (lora,) = run_study(
        config, tmp_path / "out", lambda event: event.kind == "notice" and said.append(event.phase), in_worker
    ).arms
    assert lora.status == "done"
    assert len(said) == 1
    record = json.loads(next((tmp_path / "out" / "runs").glob("*/record.json")).read_text())
    assert record["training"]["plan"]["halvings"] == 1


KILLING = """
import os, signal, sys, threading

def watch():
    while True:
        module = sys.modules.get("lightune.training.trainer")
        if module is not None and hasattr(module, "StepTrainer"):
            break
        threading.Event().wait(0.01)
    real = module.StepTrainer.training_step
    def step(self, *args):
        if self.state.global_step == 4 and not os.path.exists(os.environ["KILLED_ONCE"]):
            open(os.environ["KILLED_ONCE"], "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *args)
    module.StepTrainer.training_step = step

if any("worker" in word for word in sys.orig_argv):
    threading.Thread(target=watch, daemon=True).start()
"""


@pytest.mark.full
def test_what_is_no_lack_of_memory_is_not_tried_again(config, tmp_path, monkeypatch):
    tries = []

    def failing(self, *_):
        tries.append(1)
        raise RunError("It is not that.")

    monkeypatch.setattr(StepTrainer, "training_step", failing)
    (lora,) = run_study(config, tmp_path / "out", executor=in_process).arms
    assert tries == [1]
    assert lora.reason == "It is not that."
