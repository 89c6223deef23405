"""One answer a text, however it is padded; the stock answer where the stock answer is right."""

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from lightune.config import LoraConfig
from lightune.methods import attach_lora
from lightune.models.rows import align_right, last_token
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows, wake_adapter
from tests.fixtures.models import KINDS

ROWS = token_rows(3, 7, 12)
PAD = 0


def stock_twin(folder: Path, ours: Any) -> Any:
    """transformers' own class with the same weights, its head included."""
    stock = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2).eval()
    stock.load_state_dict(ours.state_dict())
    stock.config.pad_token_id = ours.config.pad_token_id
    return stock


@pytest.fixture(scope="module", params=[(kind, lora) for kind in KINDS for lora in (False, True)], ids=str)
def model(request: pytest.FixtureRequest, bases: dict[str, Path]) -> Any:
    kind, lora = request.param
    base = load(bases[kind])
    if not lora:
        return base.model
    wrapped = attach_lora(base.model, base.head.modules, LoraConfig(rank=2))
    wake_adapter(wrapped)
    return wrapped.eval()


@pytest.mark.parametrize(
    ("width", "side"), [(0, "right"), (13, "right"), (40, "right"), (0, "left"), (13, "left"), (40, "left")]
)
def test_a_text_gets_the_same_logits_alone_and_in_a_batch_padded_on_either_side(
    model: Any, width: int, side: str
) -> None:
    alone = torch.cat([answers(model, **padded([row], PAD)) for row in ROWS])
    together = answers(model, **padded(ROWS, PAD, width, side))
    singly = torch.cat([answers(model, **padded([row], PAD, width, side)) for row in ROWS])
    assert largest_difference(alone, together) < 1e-5
    assert largest_difference(alone, singly) < 1e-5
    # The rows do differ, so that the comparison says something.
    assert largest_difference(alone[0], alone[1]) > 1e-2


def test_padding_between_tokens_changes_nothing(model: Any) -> None:
    row = ROWS[1]
    ids = torch.cat([row[:3], torch.tensor([PAD, PAD]), row[3:], torch.tensor([PAD])])[None]
    mask = torch.tensor([[1, 1, 1, 0, 0, 1, 1, 1, 1, 0]])
    got = answers(model, input_ids=ids, attention_mask=mask)
    assert largest_difference(got, answers(model, **padded([row], PAD))) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_right_padded_logits_and_loss_agree_with_the_stock_class(bases: dict[str, Path], kind: str) -> None:
    ours = load(bases[kind]).model
    batch = padded(ROWS, PAD, 15)
    stock = stock_twin(bases[kind], ours)
    assert largest_difference(answers(ours, **batch), answers(stock, **batch)) < 1e-5
    labels = torch.tensor([0, 1, 1])
    assert ours(**batch, labels=labels).loss.item() == pytest.approx(stock(**batch, labels=labels).loss.item(), 1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "bert", "distilbert"])
def test_the_stock_class_would_answer_otherwise_under_left_padding(bases: dict[str, Path], kind: str) -> None:
    stock = stock_twin(bases[kind], load(bases[kind]).model)
    right, left = padded(ROWS, PAD), padded(ROWS, PAD, side="left")
    assert largest_difference(answers(stock, **right), answers(stock, **left)) > 1e-2


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_last_token_that_is_the_padding_token_is_pooled(bases: dict[str, Path], kind: str) -> None:
    ours = load(bases[kind]).model
    row = torch.cat([ROWS[1], torch.tensor([PAD, PAD])])
    batch = padded([row, ROWS[2]], PAD)
    backbone = getattr(ours, ours.base_model_prefix)
    with torch.no_grad():
        expected = ours.score(backbone(input_ids=row[None]).last_hidden_state[:, -1])
    assert largest_difference(answers(ours, **batch)[:1], expected) < 1e-5
    assert largest_difference(answers(stock_twin(bases[kind], ours), **batch)[:1], expected) > 1e-2


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_without_a_mask_every_token_counts(bases: dict[str, Path], kind: str) -> None:
    model = load(bases[kind]).model
    ids = torch.cat([ROWS[1], torch.tensor([PAD])])[None]
    same = answers(model, input_ids=ids, attention_mask=torch.ones_like(ids))
    assert largest_difference(answers(model, input_ids=ids), same) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_in_place_of_ids_get_the_same_answer(bases: dict[str, Path], kind: str) -> None:
    model = load(bases[kind]).model
    batch = padded(ROWS, PAD)
    with torch.no_grad():
        states = model.get_input_embeddings()(batch["input_ids"])
    # RoBERTa counts positions from ids and cannot from states, so its rows go alone and unpadded.
    got = answers(model, inputs_embeds=states[2:], attention_mask=batch["attention_mask"][2:])
    assert largest_difference(got, answers(model, **batch)[2:]) < 1e-5


@pytest.mark.parametrize(
    "config",
    [
        peft.PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3),
        peft.PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3),
    ],
    ids=["prompt tuning", "prefix tuning"],
)
def test_virtual_tokens_do_not_move_the_pooled_token(bases: dict[str, Path], config: peft.PeftConfig) -> None:
    torch.manual_seed(0)
    model = peft.get_peft_model(load(bases["gpt2"]).model, config).eval()
    alone = torch.cat([answers(model, **padded([row], PAD)) for row in ROWS])
    assert largest_difference(alone, answers(model, **padded(ROWS, PAD, 20))) < 1e-5


def test_a_pooled_model_trains_through_its_pooling(bases: dict[str, Path]) -> None:
    model = load(bases["gpt2"]).model
    model(**padded(ROWS, PAD, side="left"), labels=torch.tensor([0, 1, 0])).loss.backward()
    for name in ("score.weight", "transformer.wte.weight", "transformer.h.0.attn.c_attn.weight"):
        assert model.get_parameter(name).grad.abs().max() > 0, name


def test_pooling_leaves_the_class_alone(bases: dict[str, Path]) -> None:
    model = load(bases["gpt2"]).model
    assert "forward" in vars(model)
    stock = AutoModelForSequenceClassification.from_pretrained(bases["gpt2"], num_labels=2)
    assert "forward" not in vars(stock)
    assert list(stock.state_dict()) == list(model.state_dict())


@pytest.mark.parametrize(
    ("ids", "mask", "aligned", "aligned_mask"),
    [
        ([[9, 9, 1, 2]], [[0, 0, 1, 1]], [[1, 2, 7, 7]], [[1, 1, 0, 0]]),
        ([[1, 9, 2, 9]], [[1, 0, 1, 0]], [[1, 2, 7, 7]], [[1, 1, 0, 0]]),
        ([[1, 2, 9, 9]], [[1, 1, 0, 0]], [[1, 2, 9, 9]], [[1, 1, 0, 0]]),
        ([[9, 1], [1, 2]], [[0, 1], [1, 1]], [[1, 7], [1, 2]], [[1, 0], [1, 1]]),
        ([[9, 9]], [[0, 0]], [[9, 9]], [[0, 0]]),
    ],
    ids=["left", "between", "right stays as it is", "one row of two", "no token at all"],
)
def test_rows_are_aligned_by_their_mask(
    ids: list[list[int]], mask: list[list[int]], aligned: list[list[int]], aligned_mask: list[list[int]]
) -> None:
    got, got_mask = align_right(torch.tensor(ids), torch.tensor(mask), 7)
    assert (got.tolist(), got_mask.tolist()) == (aligned, aligned_mask)


@pytest.mark.parametrize(
    ("mask", "pooled"),
    [
        ([[1, 1, 1, 0], [1, 0, 0, 0]], [2, 0]),
        # Three virtual tokens are counted by the mask and have no states here: the mask is longer.
        ([[1, 1, 1, 1, 1, 0, 0]], [1]),
        # Virtual tokens have states and the mask does not count them.
        ([[1, 0]], [2]),
        ([[0, 0, 0, 0]], [0]),
    ],
    ids=["by the mask", "a longer mask", "a shorter mask", "no token at all"],
)
def test_the_last_real_token_is_found(mask: list[list[int]], pooled: list[int]) -> None:
    hidden = torch.arange(4.0)[None, :, None].expand(len(mask), 4, 1)
    assert last_token(hidden, torch.tensor(mask))[:, 0].tolist() == pooled
