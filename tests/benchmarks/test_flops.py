"""Useful FLOPs beside what torch counts."""

import json

import pytest
import torch
from benchmarks.common.flops import Shape, attention_flops, forward_flops, lora_training_flops, shape_of
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForSequenceClassification

ROWS, TOKENS, RANK = 3, 16, 2


@pytest.fixture(scope="module")
def model(tiny_gpt2):
    # Attention as plain products: torch does not count the fused one on a CPU.
    return AutoModelForSequenceClassification.from_pretrained(
        tiny_gpt2, num_labels=2, pad_token_id=0, attn_implementation="eager"
    )


@pytest.fixture
def shape(tiny_gpt2) -> Shape:
    return shape_of(tiny_gpt2)


def counted(model, train: bool) -> int:
    """What torch counts for ROWS full rows, forward or forward and backward."""
    ids = torch.randint(1, 300, (ROWS, TOKENS), generator=torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter:
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        if train:
            logits.sum().backward()
    return counter.get_total_flops()


def attention_as_counted(shape: Shape) -> int:
    """torch counts all pairs of tokens, seen or not; the head's products stand beside it."""
    return ROWS * shape.blocks * 4 * shape.width * TOKENS**2


def test_forward_is_what_torch_counts_but_for_the_causal_half(model, shape):
    model.eval()
    head = 2 * ROWS * TOKENS * shape.width * 2
    ours = forward_flops(shape, [TOKENS] * ROWS) - ROWS * attention_flops(shape, TOKENS)
    assert counted(model, train=False) == ours + attention_as_counted(shape) + head


def test_attention_is_the_pairs_that_a_causal_mask_leaves():
    shape = Shape(width=8, blocks=3, inner=32)
    pairs = sum(1 for token in range(5) for other in range(5) if other <= token)
    assert attention_flops(shape, 5) == 3 * pairs * 2 * 2 * 8


def test_lora_training_is_four_operations_a_weight_as_torch_counts(model, shape):
    """To the operation, with what the formula leaves out put beside it: LoRA's own products and the head's, and that
    nothing goes back through the first block's query, key and value into the frozen embedding."""
    lora = LoraConfig(task_type="SEQ_CLS", r=RANK, target_modules=["c_attn"], fan_in_fan_out=True)
    adapted = get_peft_model(model, lora)
    adapted.eval()
    tokens, wide = ROWS * TOKENS, shape.width
    first = 2 * tokens * wide * 3 * wide
    # Each of its factors forward, for its own gradient and, but for the first block's A, for what is below.
    factors = 2 * tokens * RANK * (3 * (wide + 3 * wide) * shape.blocks - wide)
    head = 3 * 2 * tokens * wide * 2
    products = lora_training_flops(shape, [TOKENS] * ROWS) - 3 * ROWS * attention_flops(shape, TOKENS)
    expected = products - first + factors + head + 3 * attention_as_counted(shape)
    assert counted(adapted, train=True) == expected


def test_gpt2_small_takes_what_is_known_of_it(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_inner": None})
    )
    shape = shape_of(tmp_path)
    assert shape.matmul_weights == 84_934_656
    assert forward_flops(shape, [300]) / 300 == pytest.approx(0.176e9, rel=0.01)
    assert lora_training_flops(shape, [300]) / 300 == pytest.approx(0.35e9, rel=0.02)


def test_another_kind_of_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ValueError, match="gpt2 configuration is expected, got 'bert'"):
        shape_of(tmp_path)
