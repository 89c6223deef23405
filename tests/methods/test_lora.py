"""LoRA: which layers it stands beside, and what it leaves alone."""

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from lightune.catalogue import METHODS
from lightune.errors import ConfigError
from lightune.methods import attach, linear_layers, trainable_parameters
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows, wake_adapter
from tests.fixtures.models import KINDS
from tests.fixtures.tiers import few

BATCH = padded(token_rows(4, 9), 0)

# (in, out) of each linear layer of a block, 32 wide; two blocks a model.
BLOCKS = {
    "gpt2": {
        "attn.c_attn": (32, 96),
        "attn.c_proj": (32, 32),
        "mlp.c_fc": (32, 128),
        "mlp.c_proj": (128, 32),
    },
    "bert": {
        "attention.self.query": (32, 32),
        "attention.self.key": (32, 32),
        "attention.self.value": (32, 32),
        "attention.output.dense": (32, 32),
        "intermediate.dense": (32, 64),
        "output.dense": (64, 32),
    },
    "distilbert": {
        "attention.q_lin": (32, 32),
        "attention.k_lin": (32, 32),
        "attention.v_lin": (32, 32),
        "attention.out_lin": (32, 32),
        "ffn.lin1": (32, 64),
        "ffn.lin2": (64, 32),
    },
    "llama": {
        "self_attn.q_proj": (32, 32),
        "self_attn.k_proj": (32, 32),
        "self_attn.v_proj": (32, 32),
        "self_attn.o_proj": (32, 32),
        "mlp.gate_proj": (32, 64),
        "mlp.up_proj": (32, 64),
        "mlp.down_proj": (64, 32),
    },
}
ATTENTION = ("k_proj", "v_proj", "q_proj", "out_proj")
BLOCKS["roberta"] = BLOCKS["bert"]
BLOCKS["deberta-v2"] = {
    layer.replace("query", "query_proj").replace("key", "key_proj").replace("value", "value_proj"): size
    for layer, size in BLOCKS["bert"].items()
}
# Keys and values of one head for two of the queries'.
BLOCKS["qwen2"] = {**BLOCKS["llama"], "self_attn.k_proj": (32, 16), "self_attn.v_proj": (32, 16)}
# Wqkv and Wi hold three and two matrices.
BLOCKS["modernbert"] = {"attn.Wqkv": (32, 96), "attn.Wo": (32, 32), "mlp.Wi": (32, 128), "mlp.Wo": (64, 32)}
BART = {**{f"self_attn.{layer}": (32, 32) for layer in ATTENTION}, "fc1": (32, 64), "fc2": (64, 32)}
T5 = {f"layer.0.SelfAttention.{layer}": (32, 32) for layer in "qkvo"}
STACKS = {
    "gpt2": {"transformer.h": BLOCKS["gpt2"]},
    "bert": {"bert.encoder.layer": BLOCKS["bert"]},
    "roberta": {"roberta.encoder.layer": BLOCKS["roberta"]},
    "deberta-v2": {"deberta.encoder.layer": BLOCKS["deberta-v2"]},
    "distilbert": {"distilbert.transformer.layer": BLOCKS["distilbert"]},
    "modernbert": {"model.layers": BLOCKS["modernbert"]},
    "llama": {"model.layers": BLOCKS["llama"]},
    "qwen2": {"model.layers": BLOCKS["qwen2"]},
    "bart": {
        "model.encoder.layers": BART,
        "model.decoder.layers": {**BART, **{f"encoder_attn.{layer}": (32, 32) for layer in ATTENTION}},
    },
    "t5": {
        "transformer.encoder.block": {
            **T5,
            "layer.1.DenseReluDense.wi": (32, 64),
            "layer.1.DenseReluDense.wo": (64, 32),
        },
        "transformer.decoder.block": {
            **T5,
            **{f"layer.1.EncDecAttention.{layer}": (32, 32) for layer in "qkvo"},
            "layer.2.DenseReluDense.wi": (32, 64),
            "layer.2.DenseReluDense.wo": (64, 32),
        },
    },
}
LAYERS = {
    kind: {
        f"{stack}.{block}.{layer}": size
        for stack, layers in stacks.items()
        for block in range(2)
        for layer, size in layers.items()
    }
    for kind, stacks in STACKS.items()
}
# Weights and biases of the head for two labels.
HEAD_SIZE = {
    "gpt2": 2 * 32,
    "llama": 2 * 32,
    "bert": 32 * 32 + 32 + 2 * 32 + 2,
    "roberta": 32 * 32 + 32 + 2 * 32 + 2,
    "distilbert": 32 * 32 + 32 + 2 * 32 + 2,
    "deberta-v2": 32 * 32 + 32 + 2 * 32 + 2,
    # A layer and a norm without biases, both the language model's, and the classifier.
    "modernbert": 32 * 32 + 32 + 2 * 32 + 2,
    "bart": 32 * 32 + 32 + 2 * 32 + 2,
    "t5": 32 * 32 + 32 + 2 * 32 + 2,
    "qwen2": 2 * 32,
}


def adapted(folder: Path, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    base = load(folder)
    targets = options.pop("target_modules", None)
    return base, attach(base.model, base.head.modules, METHODS["lora"], options, target_modules=targets)


def lora_layers(model: nn.Module) -> set[str]:
    return {
        name.removeprefix("base_model.model.")
        for name, module in model.named_modules()
        if isinstance(module, peft.tuners.lora.LoraLayer)
    }


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_every_linear_layer_of_the_backbone_is_adapted_and_none_of_the_head(bases: dict[str, Path], kind: str) -> None:
    expected = set(LAYERS[kind])
    base, model = adapted(bases[kind])
    assert lora_layers(model) == expected
    for name in base.head.modules:
        head = model.base_model.model.get_submodule(name)
        assert isinstance(head, peft.utils.ModulesToSaveWrapper), name
        assert not any(isinstance(module, peft.tuners.lora.LoraLayer) for module in head.modules()), name
    assert set(linear_layers(load(bases[kind]).model, base.head.modules)) == expected


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_only_the_adapter_and_the_head_are_trained(bases: dict[str, Path], kind: str) -> None:
    rank = 3
    base = load(bases[kind])
    plain = sum(value.numel() for value in base.model.parameters())
    _, model = adapted(bases[kind], r=rank)
    factors = sum(rank * (inside + outside) for inside, outside in LAYERS[kind].values())
    assert trainable_parameters(model) == (factors + HEAD_SIZE[kind], plain + factors)
    for name, value in model.named_parameters():
        assert value.requires_grad == ("lora_" in name or "modules_to_save" in name), name


def test_all_parameters_of_a_plain_model_are_counted(bases: dict[str, Path]) -> None:
    model = load(bases["gpt2"]).model
    total = sum(value.numel() for value in model.parameters())
    assert trainable_parameters(model) == (total, total)
    model.transformer.requires_grad_(False)
    assert trainable_parameters(model) == (64, total)


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_a_fresh_adapter_leaves_the_answers_and_a_trained_one_does_not(bases: dict[str, Path], kind: str) -> None:
    before = answers(load(bases[kind]).model, **BATCH)
    _, model = adapted(bases[kind])
    model.eval()
    assert largest_difference(answers(model, **BATCH), before) < 1e-6
    wake_adapter(model)
    assert largest_difference(answers(model, **BATCH), before) > 1e-3


@pytest.mark.parametrize(
    ("kind", "asked", "layers"),
    [
        ("gpt2", ("c_attn",), {"attn.c_attn"}),
        # Both blocks' c_proj stand in attention and in the MLP.
        ("gpt2", ("c_proj",), {"attn.c_proj", "mlp.c_proj"}),
        ("gpt2", ("attn.c_proj",), {"attn.c_proj"}),
        ("bert", ("query", "value"), {"attention.self.query", "attention.self.value"}),
        ("roberta", ("dense",), {"attention.output.dense", "intermediate.dense", "output.dense"}),
        ("roberta", ("output.dense",), {"attention.output.dense", "output.dense"}),
        ("llama", ("down_proj",), {"mlp.down_proj"}),
    ],
)
def test_named_targets_are_these_layers_alone(
    bases: dict[str, Path], kind: str, asked: tuple[str, ...], layers: set[str]
) -> None:
    _, model = adapted(bases[kind], target_modules=asked)
    (stack,) = STACKS[kind]
    assert lora_layers(model) == {f"{stack}.{block}.{layer}" for block in range(2) for layer in layers}


def test_one_layer_can_be_named_in_full(bases: dict[str, Path]) -> None:
    _, model = adapted(bases["gpt2"], target_modules=("transformer.h.1.mlp.c_fc",))
    assert lora_layers(model) == {"transformer.h.1.mlp.c_fc"}


@pytest.mark.parametrize(
    ("kind", "asked", "known"),
    [
        ("gpt2", "q_proj", "c_attn, c_fc, c_proj"),
        ("gpt2", "score", "c_attn, c_fc, c_proj"),
        ("gpt2", "attn", "c_attn, c_fc, c_proj"),
        ("gpt2", "_attn", "c_attn, c_fc, c_proj"),
        ("bert", "classifier", "dense, key, query, value"),
        ("bert", "pooler.dense", "dense, key, query, value"),
        ("llama", "embed_tokens", "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"),
    ],
)
def test_a_target_that_is_no_linear_layer_of_the_backbone_is_refused(
    bases: dict[str, Path], kind: str, asked: str, known: str
) -> None:
    with pytest.raises(
        ConfigError, match=rf"--target-modules: '{asked}' is none of .* it has {known}\. attention and mlp mean"
    ):
        adapted(bases[kind], target_modules=(asked,))


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_names_in_the_configuration_reach_no_layer_beside_the_targets(bases: dict[str, Path], kind: str) -> None:
    # RoBERTa's head, BERT's and DeBERTa's pooler have a `dense` too, and BART's head an `out_proj`: there, short names
    # would reach too far.
    _, model = adapted(bases[kind])
    names = model.peft_config["default"].target_modules
    assert all("." in name for name in names) == (kind in ("bert", "roberta", "deberta-v2"))


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_transposed_weights_are_declared_where_there_are_any(bases: dict[str, Path], kind: str) -> None:
    base, model = adapted(bases[kind])
    transposed = any(isinstance(module, Conv1D) for module in base.model.modules())
    assert transposed == (kind == "gpt2")
    assert model.peft_config["default"].fan_in_fan_out == transposed


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_a_merged_adapter_gives_the_same_answers(bases: dict[str, Path], kind: str) -> None:
    _, model = adapted(bases[kind])
    wake_adapter(model)
    expected = answers(model.eval(), **BATCH)
    assert largest_difference(answers(model.merge_and_unload().eval(), **BATCH), expected) < 1e-5


def test_rank_alpha_and_dropout_are_passed_on(bases: dict[str, Path]) -> None:
    _, model = adapted(bases["gpt2"], r=5, lora_alpha=20.0, lora_dropout=0.25)
    config = model.peft_config["default"]
    assert (config.r, config.lora_alpha, config.lora_dropout, config.bias) == (5, 20.0, 0.25, "none")
    layer = model.base_model.model.transformer.h[0].attn.c_attn
    assert layer.scaling["default"] == 4.0
    assert layer.lora_dropout["default"].p == 0.25
