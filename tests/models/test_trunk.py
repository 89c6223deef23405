"""The lower blocks run once and replayed: the same logits and gradients, whatever the architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import DebertaV2Config

from lightune.catalogue import METHODS
from lightune.errors import ModelError
from lightune.methods import attach
from lightune.models import Classifier, Trunk, drop_frozen_dropout, find_blocks, first_adapted
from tests.fixtures.bases import NAMES, largest_difference, load, padded, token_rows, wake_adapter
from tests.fixtures.models import DECODERS, ENCODER_DECODERS, ENCODERS, language_model, tiny_config, tokenizer_for
from tests.fixtures.tiers import few

ROWS = token_rows(9, 4, 17, 1)
LISTS = {
    "gpt2": "transformer.h",
    "llama": "model.layers",
    "qwen2": "model.layers",
    "bert": "bert.encoder.layer",
    "roberta": "roberta.encoder.layer",
    "distilbert": "distilbert.transformer.layer",
    "deberta-v2": "deberta.encoder.layer",
    "modernbert": "model.layers",
}


def adapted(folder: Path, top_blocks: int) -> tuple[Classifier, nn.Module]:
    """A base with a LoRA that counts on its top blocks, as an arm trains it."""
    base = load(folder)
    drop_frozen_dropout(base.model)
    model = attach(base.model, base.head.modules, METHODS["lora"], {"r": 2}, top_blocks=top_blocks)
    wake_adapter(model)
    return base, model


def batch_of(base: Classifier, rows: list[Tensor] = ROWS) -> dict[str, Tensor]:
    return padded(rows, int(base.tokenizer.pad_token_id))


def gradients(model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and the gradient of each parameter that wants one."""
    model.zero_grad()
    logits = model(**batch).logits
    nn.functional.cross_entropy(logits, torch.arange(len(logits)) % 2).backward()
    return logits, {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


@pytest.mark.parametrize("kind", [*DECODERS, *ENCODERS])
def test_the_blocks_are_found(deep_bases: dict[str, Path], kind: str) -> None:
    model = load(deep_bases[kind]).model
    blocks = find_blocks(model)
    assert (blocks.name, len(blocks)) == (LISTS[kind], 4)
    assert blocks.inside(f"{blocks.name}.2.attn", 2)
    assert blocks.inside(f"{blocks.name}.10", 2)
    assert not blocks.inside(f"{blocks.name}.1.attn", 2)
    assert not blocks.inside("score.2.attn", 2)
    assert first_adapted(model, 3) == 1


@pytest.mark.parametrize("kind", ENCODER_DECODERS)
def test_encoder_decoders_have_no_top_blocks(bases: dict[str, Path], kind: str) -> None:
    with pytest.raises(ModelError, match="encoder-decoder, whose blocks stand in two lists"):
        find_blocks(load(bases[kind]).model)


def test_more_blocks_than_there_are_are_refused(deep_bases: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match=r"^--top-blocks 5: the model has 4 blocks\."):
        first_adapted(load(deep_bases["gpt2"]).model, 5)


@pytest.mark.full
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("top_blocks", [1, 3])
@pytest.mark.parametrize("kind", few([*DECODERS, *ENCODERS], "gpt2", "bert"))
def test_logits_and_gradients_are_the_whole_models(
    deep_bases: dict[str, Path], kind: str, top_blocks: int, training: bool
) -> None:
    base, model = adapted(deep_bases[kind], top_blocks)
    model.train(training)
    batch = batch_of(base)
    trunk = Trunk(base.model, first_adapted(base.model, top_blocks))
    assert trunk.why_not() is None
    states = trunk.states(**batch)
    assert states.shape == (*batch["input_ids"].shape, 32)
    assert not states.requires_grad
    whole, wanted = gradients(model, batch)
    with trunk.replayed(states * batch["attention_mask"][:, :, None]):
        again, found = gradients(model, batch)
    assert largest_difference(whole, again) < 1e-5
    assert set(found) == set(wanted)
    assert max(largest_difference(found[name], wanted[name]) for name in wanted) < 1e-5
    # And the states are what the answer goes by.
    with trunk.replayed(states.flip(0)):
        assert largest_difference(model(**batch).logits, whole) > 1e-3


def test_states_come_from_evaluation_mode_and_leave_the_model_as_it_was(deep_bases: dict[str, Path]) -> None:
    base = load(deep_bases["bert"])  # with its own dropout
    base.model.train()
    base.model.bert.encoder.layer[3].eval()
    modes = [module.training for module in base.model.modules()]
    forwards = [vars(module).get("forward") for module in base.model.modules()]
    trunk = Trunk(base.model, 2)
    batch = batch_of(base)
    assert torch.equal(trunk.states(**batch), trunk.states(**batch))
    with trunk.replayed(trunk.states(**batch)):
        pass
    assert [module.training for module in base.model.modules()] == modes
    assert [vars(module).get("forward") for module in base.model.modules()] == forwards


def test_nothing_above_the_split_is_run(deep_bases: dict[str, Path]) -> None:
    base = load(deep_bases["gpt2"])
    trunk = Trunk(base.model, 2)
    ran: list[int] = []
    for at, block in enumerate(find_blocks(base.model).modules):
        block.register_forward_pre_hook(lambda *_, at=at: ran.append(at))
    trunk.states(**batch_of(base))
    assert ran == [0, 1]


def test_a_convolution_after_the_first_block_is_no_hindrance(tmp_path: Path) -> None:
    """DeBERTa-v2's larger ones put one there, on what went into the block and what came out."""
    torch.manual_seed(0)
    config = tiny_config("deberta-v2", 3)
    assert isinstance(config, DebertaV2Config)
    config.conv_kernel_size, config.conv_act, config.initializer_range = 3, "gelu", 0.2
    language_model("deberta-v2", config).save_pretrained(tmp_path)
    tokenizer_for("deberta-v2").save_pretrained(tmp_path)
    base = load(tmp_path, NAMES)
    batch = batch_of(base)
    for split in (1, 2):
        trunk = Trunk(base.model, split)
        assert trunk.why_not() is None
        with torch.no_grad():
            whole = base.model(**batch).logits
            with trunk.replayed(trunk.states(**batch)):
                assert largest_difference(base.model(**batch).logits, whole) < 1e-5


def test_a_model_whose_upper_blocks_read_more_is_not_replayed(deep_bases: dict[str, Path]) -> None:
    base = load(deep_bases["gpt2"])
    first, last = (find_blocks(base.model).modules[at] for at in (0, 3))
    seen: list[Tensor] = []
    first.register_forward_hook(lambda module, args, output: seen.append(output))
    last.register_forward_hook(lambda module, args, output: output + seen[-1])
    assert Trunk(base.model, 2).why_not() == "its upper blocks read more of the lower ones than their last states"


def test_blocks_that_answer_with_more_are_not_replayed(deep_bases: dict[str, Path]) -> None:
    base = load(deep_bases["gpt2"])
    first, second = find_blocks(base.model).modules[:2]
    stock = first.forward

    def twice(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return (stock(*args, **kwargs),) * 2

    first.forward = twice
    second.register_forward_pre_hook(lambda module, args: (args[0][0], *args[1:]))
    assert Trunk(base.model, 2).why_not() == "its blocks answer with more than hidden states"
