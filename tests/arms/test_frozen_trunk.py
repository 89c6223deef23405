"""Adapters on the top blocks with the trunk's cache: the same training, each text run once, and what is said of it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lightune.arms import make_arm
from lightune.arms.base import ArmContext
from lightune.arms.fitted_model import FittedModel
from lightune.config import MethodsConfig, ModelConfig, StudyConfig, TrainingConfig
from lightune.models import SEGMENTS, find_blocks
from lightune.progress import silent
from lightune.training.trainer import StepTrainer
from tests.fixtures.bases import largest_difference
from tests.fixtures.models import DECODERS, ENCODERS
from tests.fixtures.reviews import as_rows, make_reviews
from tests.fixtures.tiers import few

TRAIN, HELD_OUT = as_rows(make_reviews(24)), as_rows(make_reviews(12, seed=1))
OTHERS = [kind for kind in (*DECODERS, *ENCODERS) if kind not in ("gpt2", "bert")]
KEPT_ONCE = "The lower 3 of 4 blocks were run once for each of "


def context_of(model: Path, scratch: Path, arm: str = "lora", trials: int = 0, **training: Any) -> ArmContext:
    options = {"max_steps": 4, "evaluations": 2, "learning_rate": 1e-2, "top_blocks": 1, **training}
    config = StudyConfig(
        ModelConfig(str(model)),
        arms=(arm,),
        training=TrainingConfig(**options),
        methods=MethodsConfig(rate_trials=trials),
    )
    run = scratch / f"{arm}-{len(list(scratch.glob('*')))}"
    run.mkdir(parents=True)
    return ArmContext(arm, config, ("bad", "good"), "good", "", 0, 24, run, scratch.parent / "cache", silent)


def fitted(model: Path, scratch: Path, arm: str = "lora", trials: int = 0, **training: Any) -> FittedModel:
    torch.manual_seed(0)
    made: FittedModel = make_arm(context_of(model, scratch, arm, trials, **training)).fit(TRAIN, HELD_OUT)  # type: ignore[assignment]
    return made


def trained(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def losses(arm: FittedModel) -> list[float]:
    """Of each logged step and each look."""
    assert arm.facts.training is not None
    points = arm.facts.training.history
    return [value for point in points for value in (point.train_loss, (point.validation or {}).get("loss")) if value]


def assert_alike(one: FittedModel, other: FittedModel) -> None:
    assert losses(one) == pytest.approx(losses(other), abs=1e-5)
    mine, theirs = trained(one.model), trained(other.model)
    assert set(mine) == set(theirs)
    assert max(largest_difference(mine[name], theirs[name]) for name in mine) < 1e-5


@pytest.mark.parametrize("kind", ["gpt2", "bert", *OTHERS])
@pytest.mark.full
def test_a_training_is_the_same_with_and_without_the_cache(
    deep_bases: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    with_cache = fitted(deep_bases[kind], tmp_path / "runs", learning_rate=1e-3)
    without = fitted(deep_bases[kind], tmp_path / "runs", learning_rate=1e-3, trunk_cache="none")
    assert any(note.startswith(KEPT_ONCE) for note in with_cache.facts.notes)
    assert "The frozen blocks were run anew in each step: --trunk-cache none." in without.facts.notes
    assert_alike(with_cache, without)
    assert with_cache.facts.training is not None
    assert with_cache.facts.training.recipe["top_blocks"] == 1


@pytest.mark.full
@pytest.mark.parametrize("arm", ["dora", "adalora", "lora-plus", "vera", "oft", "ln-tuning", "pissa"])
def test_other_methods_are_too(deep_bases: dict[str, Path], tmp_path: Path, arm: str) -> None:
    with_cache = fitted(deep_bases["gpt2"], tmp_path / "runs", arm, learning_rate=1e-3)
    without = fitted(deep_bases["gpt2"], tmp_path / "runs", arm, learning_rate=1e-3, trunk_cache="none")
    assert any(note.startswith(KEPT_ONCE) for note in with_cache.facts.notes)
    assert_alike(with_cache, without)


@pytest.mark.full
def test_biases_learn_the_same_but_for_the_keys(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    """Attention does not depend on the bias of its keys: what Adam makes of their gradient is the noise of rounding."""
    with_cache = fitted(deep_bases["gpt2"], tmp_path / "runs", "bitfit", learning_rate=1e-3)
    without = fitted(deep_bases["gpt2"], tmp_path / "runs", "bitfit", learning_rate=1e-3, trunk_cache="none")
    assert losses(with_cache) == pytest.approx(losses(without), abs=1e-5)
    mine, theirs = trained(with_cache.model), trained(without.model)
    others = [name for name in mine if "c_attn" not in name]
    assert max(largest_difference(mine[name], theirs[name]) for name in others) < 1e-5


def count_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Texts that go through a model's first block, batch by batch."""
    passed: list[int] = []
    from transformers.models.gpt2.modeling_gpt2 import GPT2Block

    stock = GPT2Block.forward

    def forward(self: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if self.attn.layer_idx == 0 and hidden_states.shape[1] > 3:  # not the rows that the replay is tried on
            passed.append(len(kwargs[SEGMENTS].lengths))
        return stock(self, hidden_states, *args, **kwargs)

    monkeypatch.setattr(GPT2Block, "forward", forward)
    return passed


@pytest.mark.full
def test_each_text_goes_through_the_trunk_once(
    deep_bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = count_passes(monkeypatch)
    arm = fitted(deep_bases["gpt2"], tmp_path / "runs", max_steps=8, evaluations=4, trials=3)
    assert sum(passed) == 36
    assert arm.facts.training is not None
    assert len(arm.facts.training.trials) >= 3
    # And for another seed and another method of the study not at all.
    again = fitted(deep_bases["gpt2"], tmp_path / "runs", "dora", max_steps=8)
    assert sum(passed) == 36
    assert "36 of them had their states from an earlier run: the time leaves those out." in again.facts.notes


@pytest.mark.full
def test_a_training_of_less_than_an_epoch_runs_what_it_sees(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    arm = fitted(deep_bases["gpt2"], tmp_path / "runs", max_steps=2, batch_size=4)
    assert f"{KEPT_ONCE}{2 * 4 + 12} texts." in arm.facts.notes


@pytest.mark.full
def test_what_finds_no_room_is_run_anew_and_told(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    bounded = fitted(deep_bases["gpt2"], tmp_path / "runs", trunk_cache_bytes=32 * 4 * 300)
    without = fitted(deep_bases["gpt2"], tmp_path / "runs", trunk_cache="none")
    assert_alike(bounded, without)
    said = " ".join(bounded.facts.notes)
    assert "texts were run anew each time: --trunk-cache-bytes has no room." in said
    assert sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.states")) <= 32 * 4 * 300


@pytest.mark.full
def test_bfloat16_is_said_not_to_be_exact(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    rounded = fitted(deep_bases["gpt2"], tmp_path / "runs", trunk_cache="bfloat16")
    exact = fitted(deep_bases["gpt2"], tmp_path / "runs")
    assert "Their states were kept in bfloat16, which is not exact." in rounded.facts.notes
    assert losses(rounded) == pytest.approx(losses(exact), abs=0.1)
    assert losses(rounded) != pytest.approx(losses(exact), abs=1e-6)


@pytest.mark.full
def test_with_the_trunks_own_dropout_nothing_is_kept(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    arm = fitted(deep_bases["gpt2"], tmp_path / "runs", frozen_dropout=True)
    assert (
        "The frozen blocks were run anew in each step: --frozen-dropout changes their states each time."
        in arm.facts.notes
    )
    assert not list((tmp_path / "cache").rglob("*.states"))


@pytest.mark.parametrize("top_blocks", [None, 4])
@pytest.mark.full
def test_without_a_trunk_nothing_is_kept_or_said(
    deep_bases: dict[str, Path], tmp_path: Path, top_blocks: int | None
) -> None:
    arm = fitted(deep_bases["gpt2"], tmp_path / "runs", top_blocks=top_blocks)
    assert not list((tmp_path / "cache").rglob("*.states"))
    assert not any("blocks" in note for note in arm.facts.notes)
    assert arm.facts.training is not None
    assert ("top_blocks" in arm.facts.training.recipe) == (top_blocks is not None)


@pytest.mark.full
def test_changed_weights_have_states_of_their_own(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    fitted(deep_bases["gpt2"], tmp_path / "runs")
    fitted(deep_bases["llama"], tmp_path / "runs")
    assert len(list((tmp_path / "cache").glob("trunk-*"))) == 2


@pytest.mark.full
def test_after_the_training_the_model_answers_by_itself(deep_bases: dict[str, Path], tmp_path: Path) -> None:
    arm = fitted(deep_bases["bert"], tmp_path / "runs")
    texts = ["an unseen text of its own", *TRAIN.texts[:3]]
    before = arm.logits(texts)
    for path in (tmp_path / "cache").rglob("*.states"):
        path.unlink()
    assert np.array_equal(arm.logits(texts), before)
    blocks = find_blocks(arm.base.model).modules
    assert not any("forward" in vars(block) for block in blocks)


@pytest.mark.full
def test_the_probe_fills_it_for_the_adapters(
    deep_bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = count_passes(monkeypatch)
    probe = fitted(deep_bases["gpt2"], tmp_path / "runs", "probe")
    assert sum(passed) == 36
    assert f"{KEPT_ONCE}36 texts." in probe.facts.notes
    adapter = fitted(deep_bases["gpt2"], tmp_path / "runs")
    assert sum(passed) == 36
    assert "36 of them had their states from an earlier run: the time leaves those out." in adapter.facts.notes
    alone = make_arm(context_of(deep_bases["gpt2"], tmp_path / "other" / "runs", "probe", top_blocks=None))
    plain = alone.fit(TRAIN, HELD_OUT)
    assert np.abs(plain.logits(TRAIN.texts) - probe.logits(TRAIN.texts)).max() < 1e-3


@pytest.mark.full
@pytest.mark.parametrize("arm", ["probe", "lora"])
def test_waiting_for_another_run_is_no_part_of_a_runs_time(
    deep_bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arm: str
) -> None:
    monkeypatch.setattr("lightune.compute.state_cache.held", lambda _: nullcontext(10_000.0))  # said, not done
    assert fitted(deep_bases["gpt2"], tmp_path / "runs", arm).facts.fit_seconds < 0


@pytest.mark.full
@pytest.mark.parametrize("kind", few(["gpt2", "bert", "modernbert"], "gpt2"))
def test_the_head_learns_as_much_faster_as_it_is_told(
    deep_bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made: list[tuple[dict[int, str], torch.optim.Optimizer]] = []
    stock = StepTrainer.create_optimizer

    def kept(self: StepTrainer, model: nn.Module | None = None) -> torch.optim.Optimizer:
        optimizer = stock(self, model)
        assert self.model is not None
        made.append(({id(one): name for name, one in self.model.named_parameters()}, optimizer))
        return optimizer

    monkeypatch.setattr(StepTrainer, "create_optimizer", kept)
    arm = fitted(deep_bases[kind], tmp_path / "runs", learning_rate=1e-3, head_rate=5.0)
    names, optimizer = made[0]
    rates = {names[id(one)]: group["initial_lr"] for group in optimizer.param_groups for one in group["params"]}
    assert set(rates) == set(trained(arm.model))
    for name, rate in rates.items():
        in_head = any(f".{module}." in name for module in arm.base.head.modules)
        assert rate == pytest.approx(5e-3 if in_head else 1e-3), name
    assert arm.facts.training is not None
    assert arm.facts.training.recipe["head_rate"] == 5.0
