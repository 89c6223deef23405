"""Prompt methods pool the right token: a decoder's last, an encoder's own first, never a virtual one or padding."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from lightune.errors import ModelError
from lightune.methods import load_adapter, save_adapter
from lightune.models import Classifier, count_own_tokens
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows
from tests.fixtures.models import DECODERS, ENCODERS
from tests.fixtures.tiers import few

ROWS = token_rows(3, 7, 12)
PAD = 0
VIRTUAL = 3
CONFIGS: dict[str, Callable[..., peft.PeftConfig]] = {
    "prompt tuning": peft.PromptTuningConfig,
    "p-tuning": peft.PromptEncoderConfig,
    "prefix tuning": peft.PrefixTuningConfig,
}
# peft adds a prefix to keys and values, which the other encoders have no place for.
PREFIXED = (*DECODERS, "bert", "roberta")
CASES = [
    (kind, method) for method in CONFIGS for kind in (PREFIXED if method == "prefix tuning" else (*DECODERS, *ENCODERS))
]
FAST = (("gpt2", "prompt tuning"), ("bert", "p-tuning"), ("gpt2", "prefix tuning"))
PROMPTED = [(kind, method) for kind, method in CASES if method != "prefix tuning"]


def wrap(model: nn.Module, method: str, head: Sequence[str] = ("classifier", "score"), dot: str = ".") -> Any:
    """Wrap `model` in peft's prompt method, its virtual tokens large enough to count."""
    options: dict[str, Any] = {"encoder_hidden_size": 16} if method == "p-tuning" else {}
    # peft takes every module whose name ends so; the dot keeps `head` off the `mlp_head` of P-tuning's own encoder.
    saved = [f"{dot}{name}" for name in head]
    config = CONFIGS[method](task_type="SEQ_CLS", num_virtual_tokens=VIRTUAL, modules_to_save=saved, **options)
    if model.config.model_type == "distilbert":  # peft does not find these in its configuration
        config.token_dim, config.num_layers, config.num_attention_heads = 32, 2, 2
    torch.manual_seed(0)
    wrapped = peft.get_peft_model(model, config)
    stir(wrapped)
    return wrapped.eval()


def stir(model: nn.Module, seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "prompt_encoder" in name:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.5)


def prompted(folder: Path, method: str) -> tuple[Classifier, Any]:
    base = load(folder)
    return base, count_own_tokens(wrap(base.model, method, base.head.modules))


def one_by_one(model: nn.Module) -> Tensor:
    return torch.cat([answers(model, **padded([row], PAD)) for row in ROWS])


@pytest.mark.parametrize(("kind", "method"), few(CASES, *FAST))
def test_a_text_gets_the_same_logits_alone_in_a_batch_and_padded_on_either_side(
    bases: dict[str, Path], kind: str, method: str
) -> None:
    _, model = prompted(bases[kind], method)
    alone = one_by_one(model)
    for width, side in ((0, "right"), (30, "right"), (0, "left"), (30, "left")):
        assert largest_difference(answers(model, **padded(ROWS, PAD, width, side)), alone) < 1e-5, (width, side)
    assert largest_difference(alone[0], alone[1]) > 1e-2
    stir(model, seed=2)
    assert largest_difference(one_by_one(model), alone) > 1e-2  # the virtual tokens sway the answer


@pytest.mark.parametrize(
    ("kind", "method"), few([case for case in PROMPTED if case[0] in ENCODERS], ("bert", "prompt tuning"))
)
@pytest.mark.parametrize("side", ["right", "left"])
def test_an_encoder_pools_its_own_first_token(bases: dict[str, Path], kind: str, method: str, side: str) -> None:
    base, model = prompted(bases[kind], method)
    backbone = base.model.base_model
    seen: dict[str, Tensor] = {}
    layers = next(child for child in backbone.children() if not hasattr(child, "word_embeddings"))
    # What stands last in the backbone has the states of the tokens in their order: virtual ones, then the text's own.
    last = backbone.final_norm if kind == "modernbert" else layers
    last.register_forward_hook(lambda _, __, out: seen.update(states=getattr(out, "last_hidden_state", out)))
    pooled = {
        "bert": lambda: base.model.bert.pooler,
        "roberta": lambda: base.model.classifier,
        "distilbert": lambda: base.model.pre_classifier,
        "deberta-v2": lambda: base.model.pooler,
        "modernbert": lambda: base.model.head,
    }[kind]()
    pooled.register_forward_pre_hook(lambda _, args: seen.update(pooled=args[0]))
    answers(model, **padded(ROWS, PAD, 20, side))
    got = seen["pooled"][:, 0] if seen["pooled"].dim() == 3 else seen["pooled"]
    assert torch.equal(got, seen["states"][:, VIRTUAL])
    assert largest_difference(got, seen["states"][:, 0]) > 1e-2


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "method"), few([case for case in PROMPTED if case[0] in ENCODERS], ("bert", "prompt tuning"))
)
def test_untold_an_encoder_would_pool_a_virtual_token_as_stock_peft_does(
    bases: dict[str, Path], kind: str, method: str
) -> None:
    ours = load(bases[kind])
    told = one_by_one(count_own_tokens(wrap(load(bases[kind]).model, method)))
    stock = AutoModelForSequenceClassification.from_pretrained(bases[kind], num_labels=2)
    stock.load_state_dict(ours.model.state_dict())
    theirs = one_by_one(wrap(stock, method))
    assert largest_difference(one_by_one(wrap(ours.model, method)), theirs) < 1e-5
    assert largest_difference(told, theirs) > 1e-2


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "method"),
    few(
        [case for case in CASES if case not in PROMPTED or case[0] in DECODERS],
        *(case for case in FAST if case[0] == "gpt2"),
    ),
)
def test_stock_peft_agrees_on_a_text_alone(bases: dict[str, Path], kind: str, method: str) -> None:
    ours, model = prompted(bases[kind], method)
    stock = AutoModelForSequenceClassification.from_pretrained(bases[kind], num_labels=2)
    stock.load_state_dict(load(bases[kind]).model.state_dict())
    stock.config.pad_token_id = ours.model.config.pad_token_id
    theirs = wrap(stock, method)
    assert largest_difference(one_by_one(theirs), one_by_one(model)) < 1e-5
    left = padded(ROWS, PAD, 20, "left")
    assert largest_difference(answers(theirs, **left), answers(model, **left)) > 1e-3


@pytest.mark.parametrize(("kind", "method"), few(CASES, *FAST))
def test_prompt_and_head_are_trained_through_the_pooling(bases: dict[str, Path], kind: str, method: str) -> None:
    _, model = prompted(bases[kind], method)
    model(**padded(ROWS, PAD, side="left"), labels=torch.tensor([0, 1, 0])).loss.backward()
    trained = {name: value.grad for name, value in model.named_parameters() if value.requires_grad}
    assert any("prompt_encoder" in name for name in trained)
    assert any("modules_to_save" in name for name in trained)
    for name, gradient in trained.items():
        assert gradient is not None, name
        assert gradient.abs().max() > 0, name


@pytest.mark.full
@pytest.mark.parametrize(("kind", "method"), few(CASES, *FAST))
def test_a_saved_prompt_and_head_come_back(bases: dict[str, Path], tmp_path: Path, kind: str, method: str) -> None:
    _, model = prompted(bases[kind], method)
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=0.05)
    model(**padded(ROWS, PAD), labels=torch.tensor([0, 1, 0])).loss.backward()
    optimizer.step()
    save_adapter(model, tmp_path, str(bases[kind]))
    fresh = load(bases[kind], seed=9)
    untrained = answers(fresh.model, **padded(ROWS, PAD))
    loaded = count_own_tokens(load_adapter(fresh.model, tmp_path))
    expected = answers(model, **padded(ROWS, PAD))
    assert largest_difference(answers(loaded, **padded(ROWS, PAD, 20, "left")), expected) < 1e-5
    assert largest_difference(untrained, expected) > 1e-2


@pytest.mark.full
def test_a_heads_plain_name_would_reach_into_the_prompts_own_encoder(bases: dict[str, Path], tmp_path: Path) -> None:
    base = load(bases["modernbert"])
    save_adapter(wrap(base.model, "p-tuning", base.head.modules, dot=""), tmp_path, str(bases["modernbert"]))
    with pytest.raises(ModelError, match=r"6 do not belong \(prompt_encoder.*mlp_head"):
        load_adapter(load(bases["modernbert"]).model, tmp_path)


@pytest.mark.parametrize("named", [True, False])
def test_own_tokens_are_counted_however_they_are_passed(bases: dict[str, Path], named: bool) -> None:
    _, model = prompted(bases["bert"], "prompt tuning")
    batch = padded(ROWS, PAD)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    states = model.get_base_model().get_input_embeddings()(ids)
    with torch.no_grad():
        got = model(inputs_embeds=states, attention_mask=mask) if named else model(ids, mask)
    assert largest_difference(got.logits, answers(model, **batch)) < 1e-5


def test_no_hook_stays_behind(bases: dict[str, Path]) -> None:
    base, model = prompted(bases["bert"], "prompt tuning")
    answers(model, **padded(ROWS, PAD))
    with pytest.raises(RuntimeError):  # a text longer than the table of positions
        answers(model, **padded(token_rows(64), PAD))
    assert not any(module._forward_hooks for module in base.model.modules())
