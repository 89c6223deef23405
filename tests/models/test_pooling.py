"""One answer a text, however it is padded; the stock answer where the stock answer is right."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from lightune.compute import Encoder
from lightune.errors import ModelError
from lightune.models import hidden_states
from lightune.models.rows import align_right, last_token
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows, wake_adapter, with_lora
from tests.fixtures.models import DECODERS, ENCODER_DECODERS, ENCODERS, KINDS, SENTENCES
from tests.fixtures.tiers import SHOWN, few

ROWS = token_rows(3, 7, 12)
PAD = 0


def stock_twin(folder: Path, ours: Any) -> Any:
    """transformers' own class with the same weights, its head included."""
    stock = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2).eval()
    stock.load_state_dict(ours.state_dict())
    stock.config.pad_token_id = ours.config.pad_token_id
    return stock


MODELS = [
    pytest.param((kind, lora), id=str((kind, lora)), marks=() if kind in SHOWN else pytest.mark.full)
    for kind in KINDS
    for lora in (False, True)
]


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, bases: dict[str, Path]) -> Any:
    kind, lora = request.param
    base = load(bases[kind])
    if not lora:
        return base.model
    wrapped = with_lora(base.model, base.head.modules)
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


@pytest.mark.parametrize("kind", few(KINDS))
def test_right_padded_logits_and_loss_agree_with_the_stock_class(bases: dict[str, Path], kind: str) -> None:
    ours = load(bases[kind]).model
    batch = padded(ROWS, PAD, 15)
    stock = stock_twin(bases[kind], ours)
    assert largest_difference(answers(ours, **batch), answers(stock, **batch)) < 1e-5
    labels = torch.tensor([0, 1, 1])
    assert ours(**batch, labels=labels).loss.item() == pytest.approx(stock(**batch, labels=labels).loss.item(), 1e-5)


@pytest.mark.parametrize(
    "kind", few(["gpt2", "bert", "distilbert", "deberta-v2", "modernbert", "bart"], "gpt2", "bert")
)
def test_the_stock_class_would_answer_otherwise_under_left_padding(bases: dict[str, Path], kind: str) -> None:
    stock = stock_twin(bases[kind], load(bases[kind]).model)
    right, left = padded(ROWS, PAD), padded(ROWS, PAD, side="left")
    assert largest_difference(answers(stock, **right), answers(stock, **left)) > 1e-2


@pytest.mark.parametrize("kind", DECODERS)
def test_a_last_token_that_is_the_padding_token_is_pooled(bases: dict[str, Path], kind: str) -> None:
    ours = load(bases[kind]).model
    row = torch.cat([ROWS[1], torch.tensor([PAD, PAD])])
    batch = padded([row, ROWS[2]], PAD)
    backbone = getattr(ours, ours.base_model_prefix)
    with torch.no_grad():
        expected = ours.score(backbone(input_ids=row[None]).last_hidden_state[:, -1])
    assert largest_difference(answers(ours, **batch)[:1], expected) < 1e-5
    assert largest_difference(answers(stock_twin(bases[kind], ours), **batch)[:1], expected) > 1e-2


@pytest.mark.full
@pytest.mark.parametrize("kind", ENCODER_DECODERS)
def test_an_end_within_a_text_is_not_pooled(bases: dict[str, Path], kind: str) -> None:
    ours = load(bases[kind]).model
    row = torch.cat([ROWS[1], ROWS[0]])
    assert (row == ours.config.eos_token_id).sum() == 2
    batch = padded([row, ROWS[2]], PAD)
    alone = answers(ours, **padded([row], PAD))
    assert largest_difference(answers(ours, **batch)[:1], alone) < 1e-5
    stock = stock_twin(bases[kind], ours)
    assert largest_difference(answers(stock, **padded([row], PAD)), alone) < 1e-5
    with pytest.raises(ValueError, match="same number of <eos>"):
        answers(stock, **batch)


@pytest.mark.parametrize("truncate", ["head", "tail", "head+tail"])
@pytest.mark.parametrize("kind", ENCODER_DECODERS)
def test_any_text_ends_in_the_pooled_token(bases: dict[str, Path], kind: str, truncate: str) -> None:
    base = load(bases[kind])
    end, pad = base.tokenizer.eos_token_id, base.tokenizer.pad_token_id
    texts = ["", "dull </s>", " ".join(SENTENCES[:4]), "</s>", SENTENCES[0]]
    encoded = Encoder(base.tokenizer, 12, truncate).encode(texts)
    assert encoded.cut.tolist() == [False, False, True, False, True]
    assert {int(row[-1]) for row in encoded.ids} == {end}
    rows = [torch.from_numpy(row.astype("int64")) for row in encoded.ids]
    alone = torch.cat([answers(base.model, **padded([row], pad)) for row in rows])
    for width, side in ((0, "right"), (20, "left")):
        assert largest_difference(answers(base.model, **padded(rows, pad, width, side)), alone) < 1e-5
    with torch.no_grad():
        states = hidden_states(base.model, rows[1][None], torch.ones_like(rows[1])[None])
        expected = base.model.classification_head(states[:, -1])
    assert largest_difference(alone[1:2], expected) < 1e-6


@pytest.mark.parametrize("kind", DECODERS)
def test_without_a_mask_every_token_counts(bases: dict[str, Path], kind: str) -> None:
    model = load(bases[kind]).model
    ids = torch.cat([ROWS[1], torch.tensor([PAD])])[None]
    same = answers(model, input_ids=ids, attention_mask=torch.ones_like(ids))
    assert largest_difference(answers(model, input_ids=ids), same) < 1e-6


@pytest.mark.parametrize("kind", ENCODER_DECODERS)
def test_without_a_mask_an_encoder_decoder_takes_the_last_token(bases: dict[str, Path], kind: str) -> None:
    model = load(bases[kind]).model
    ids = ROWS[1][None]
    same = answers(model, input_ids=ids, attention_mask=torch.ones_like(ids))
    assert largest_difference(answers(model, input_ids=ids), same) < 1e-6


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", few([*DECODERS, *ENCODERS], "gpt2", "bert"))
def test_embeddings_in_place_of_ids_get_the_same_answer(bases: dict[str, Path], kind: str, side: str) -> None:
    model = load(bases[kind]).model
    batch = padded(ROWS, PAD, 20, side)
    with torch.no_grad():
        states = model.get_input_embeddings()(batch["input_ids"])
    got = answers(model, inputs_embeds=states, attention_mask=batch["attention_mask"])
    assert largest_difference(got, answers(model, **padded(ROWS, PAD))) < 1e-5


@pytest.mark.parametrize("kind", ENCODER_DECODERS)
def test_embeddings_are_refused_where_a_decoder_reads_the_text_again(bases: dict[str, Path], kind: str) -> None:
    model = load(bases[kind]).model
    with pytest.raises(ModelError, match="token ids are expected, got embeddings alone"):
        answers(model, inputs_embeds=torch.zeros(1, 3, 32), attention_mask=torch.ones(1, 3))


def test_what_stands_beside_a_token_moves_with_it(bases: dict[str, Path]) -> None:
    model = load(bases["bert"]).model
    row, kinds = ROWS[1][None], torch.tensor([[0, 0, 1, 1, 0, 1, 0]])
    expected = answers(model, input_ids=row, attention_mask=torch.ones_like(row), token_type_ids=kinds)
    left = padded(list(row), PAD, 10, "left")
    beside = torch.cat([torch.ones(1, 3, dtype=torch.int64), kinds], dim=1)
    assert largest_difference(answers(model, **left, token_type_ids=beside), expected) < 1e-5
    assert largest_difference(answers(model, **left), expected) > 1e-3


@pytest.mark.parametrize("kind", few(KINDS))
def test_labels_give_a_loss_in_any_place(bases: dict[str, Path], kind: str) -> None:
    model, labels = load(bases[kind]).model, torch.tensor([0, 1, 1])
    batch = padded(ROWS, PAD, side="left")
    with torch.no_grad():
        given = model(batch["input_ids"], batch["attention_mask"], labels=labels)
        expected = torch.nn.functional.cross_entropy(given.logits, labels)
    assert given.loss.item() == pytest.approx(expected.item(), rel=1e-6)


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
