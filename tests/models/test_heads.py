"""The head: whether the checkpoint's fits the labels, and how one is drawn."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, BertForPreTraining

from lightune.models import checkpoint_labels, draw_head
from lightune.models.heads import match_labels, reorder_head
from tests.fixtures.bases import largest_difference, load
from tests.fixtures.models import KINDS, tiny_config, tokenizer_for
from tests.fixtures.tiers import few


@pytest.mark.parametrize(
    ("checkpoint", "wanted", "order"),
    [
        (("bad", "good"), ("bad", "good"), [0, 1]),
        (("NEGATIVE", "Positive"), ("negative", "positive"), [0, 1]),
        (("NEGATIVE", "POSITIVE"), ("neg", "pos"), [0, 1]),
        (("neg", "pos"), ("Negative", "Positive"), [0, 1]),
        (("POSITIVE", "NEGATIVE"), ("neg", "pos"), [1, 0]),
        (("a", "b", "c"), ("c", "a", "b"), [2, 0, 1]),
        (("LABEL_0", "LABEL_1"), ("neg", "pos"), [0, 1]),
        (("LABEL_0", "LABEL_1"), ("LABEL_1", "LABEL_0"), [0, 1]),
        # An equal name wins over one that begins alike.
        (("pos", "positive"), ("positive", "pos"), [1, 0]),
        (("neg", "pos"), ("0", "1"), None),
        (("neg", "pos"), ("bad", "good"), None),
        (("neg", "pos"), ("neg", "pos", "neutral"), None),
        (("LABEL_0", "LABEL_1", "LABEL_2"), ("neg", "pos"), None),
        # Two that begin alike, or one for both: nothing certain.
        (("news_a", "news_b"), ("news", "sport"), None),
        (("news", "sport"), ("news_a", "news_b"), None),
        (("", "pos"), ("neg", "pos"), None),
        # What differs in case alone is told apart where all names are the same.
        (("pos", "Pos"), ("pos", "Pos"), [0, 1]),
    ],
)
def test_labels_are_matched_by_name_or_not_at_all(
    checkpoint: tuple[str, ...], wanted: tuple[str, ...], order: list[int] | None
) -> None:
    assert match_labels(checkpoint, wanted) == order


def test_labels_of_a_checkpoint_come_in_the_order_of_its_logits(bases: dict[str, Path]) -> None:
    config = load(bases["gpt2"]).model.config
    config.id2label = {2: "c", 0: "a", 1: "b"}
    assert checkpoint_labels(config) == ["a", "b", "c"]


def parameters_of(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_head_is_drawn_from_its_seed_alone_and_nothing_else_changes(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    drawn = base.head.drawn
    before = parameters_of(base.model)
    torch.manual_seed(123)
    draw_head(base.model, drawn, 7)
    first = parameters_of(base.model)
    torch.manual_seed(456)
    torch.rand(5)
    draw_head(base.model, drawn, 8)
    other = parameters_of(base.model)
    draw_head(base.model, drawn, 7)
    again = parameters_of(base.model)
    for name in before:
        assert torch.equal(first[name], again[name]), name
        if name not in drawn:
            assert torch.equal(first[name], before[name]), name
        elif name.endswith("weight"):
            assert largest_difference(first[name], other[name]) > 1e-3, name


@pytest.mark.parametrize("kind", few(KINDS))
def test_drawing_a_head_leaves_the_global_generator_alone(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    torch.manual_seed(5)
    state = torch.get_rng_state()
    draw_head(base.model, base.head.drawn, 1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", few(KINDS))
def test_the_head_is_what_the_checkpoint_lacks(bases: dict[str, Path], kind: str) -> None:
    head = load(bases[kind]).head
    stock, info = AutoModelForSequenceClassification.from_pretrained(
        bases[kind], num_labels=2, output_loading_info=True
    )
    assert set(head.drawn) == set(info["missing_keys"])
    for name in head.drawn:
        assert len([module for module in head.modules if name.startswith(f"{module}.")]) == 1, name
    # All else in the head stands beside the backbone, and is trained though it is not drawn.
    inside = {
        f"{module}.{name}" for module in head.modules for name, _ in stock.get_submodule(module).named_parameters()
    }
    known = {"head.dense.weight", "head.norm.weight"} if kind == "modernbert" else set()
    assert inside - set(head.drawn) == known


def test_a_pooler_that_the_checkpoint_has_is_kept_and_no_part_of_the_head(tmp_path: Path) -> None:
    config = tiny_config("bert")
    torch.manual_seed(0)
    saved = BertForPreTraining(config)
    saved.save_pretrained(tmp_path)
    tokenizer_for("bert").save_pretrained(tmp_path)
    base = load(tmp_path)
    assert base.head.modules == ("classifier",)
    assert base.head.drawn == ("classifier.bias", "classifier.weight")
    assert torch.equal(base.model.bert.pooler.dense.weight, saved.bert.pooler.dense.weight)


@pytest.mark.parametrize("kind", few(KINDS))
def test_each_weight_of_a_head_is_spread_as_in_the_stock_class(bases: dict[str, Path], kind: str) -> None:
    names = tuple(f"label {at}" for at in range(100))
    base = load(bases[kind], names=names, seed=6)
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(bases[kind], num_labels=100)
    stock = AutoModelForSequenceClassification.from_config(config)
    for name in base.head.drawn:
        ours, theirs = base.model.get_parameter(name), stock.get_parameter(name)
        assert ours.shape == theirs.shape
        if theirs.any():
            assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.1), name
        else:
            assert not ours.any(), name


def test_a_head_is_drawn_as_its_architecture_does_it(bases: dict[str, Path]) -> None:
    base = load(bases["bert"], names=tuple("abcdefghij"))
    draw_head(base.model, base.head.drawn, 1)
    assert not base.model.classifier.bias.any()
    # initializer_range is 0.2; 10 x 32 draws.
    assert base.model.classifier.weight.std().item() == pytest.approx(0.2, rel=0.2)


def test_only_the_named_parameters_of_a_module_are_drawn(bases: dict[str, Path]) -> None:
    model = load(bases["bert"]).model
    with torch.no_grad():
        model.classifier.bias.fill_(3.0)
    weight = model.classifier.weight.detach().clone()
    draw_head(model, ["classifier.weight"], 9)
    assert model.classifier.bias.tolist() == [3.0, 3.0]
    assert not torch.equal(model.classifier.weight, weight)


@pytest.mark.parametrize("kind", few(KINDS))
def test_reordering_a_head_permutes_its_answers(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind], names=("a", "b", "c"))
    model, ids = base.model, torch.tensor([[7, 8, 9]])
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.shape == (3,):
                assert name.endswith("bias")
                value.copy_(torch.tensor([1.0, 2.0, 3.0]))
        before = model(input_ids=ids).logits
        reorder_head(model, [2, 0, 1])
        after = model(input_ids=ids).logits
    assert torch.allclose(after, before[:, [2, 0, 1]], atol=1e-6)
    assert largest_difference(after, before) > 1e-3
