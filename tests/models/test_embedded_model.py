"""The model that ships inside the package: its files, and that stock transformers can use it as it lies there."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

FOLDER = Path(str(files("lightune"))) / "models" / "embedded"
REVIEW = "This film was a complete waste of time, and I would not recommend it to anyone."
SHUFFLED = "recommend anyone a not of it film would was I time, to complete and This waste."


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(FOLDER).eval()


def test_the_folder_fits_into_the_package() -> None:
    assert {file.name for file in FOLDER.iterdir() if file.is_file()} >= {
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) <= 12_000_000


def test_the_weights_are_float16_and_the_embedding_is_there_once() -> None:
    with safe_open(FOLDER / "model.safetensors", "pt") as weights:
        names = list(weights.keys())
        assert weights.metadata() == {"format": "pt"}
        assert {weights.get_slice(name).get_dtype() for name in names} == {"F16"}
    assert "transformer.wte.weight" in names
    assert "lm_head.weight" not in names


def test_the_weights_are_finite() -> None:
    with safe_open(FOLDER / "model.safetensors", "pt") as weights:
        # A weight beyond float16's range would have become infinite when it was stored.
        assert all(bool(weights.get_tensor(name).isfinite().all()) for name in weights.keys())  # noqa: SIM118


def test_the_config_asks_for_float32() -> None:
    config = json.loads((FOLDER / "config.json").read_text("utf-8"))
    assert config["dtype"] == "float32"
    assert config["tie_word_embeddings"] is True
    assert config["activation_function"] == "gelu_new"


def test_stock_language_model_is_float32_and_complete() -> None:
    model, info = AutoModelForCausalLM.from_pretrained(FOLDER, output_loading_info=True)
    assert model.dtype == torch.float32
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert sum(p.numel() for p in model.parameters()) == 5_387_776
    assert model.lm_head.weight is model.transformer.wte.weight


def test_stock_classifier_is_float32_and_lacks_only_its_head() -> None:
    model, info = AutoModelForSequenceClassification.from_pretrained(FOLDER, num_labels=2, output_loading_info=True)
    assert model.dtype == torch.float32
    assert set(info["missing_keys"]) == {"score.weight"}
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]


@pytest.mark.parametrize(
    "text",
    [
        REVIEW,
        "  Two spaces, a tab\tand a line\nbreak. ",
        "Amélie, Čapek, 映画 and 🎬<br /><br />10/10",
        "",
    ],
)
def test_the_tokenizer_gives_the_text_back(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text).input_ids
    assert max(ids, default=0) < 8192
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_the_tokenizer_knows_the_end_of_text_and_the_context(tokenizer: Any) -> None:
    assert tokenizer.eos_token_id == tokenizer.bos_token_id == 0
    assert len(tokenizer) == 8192
    assert tokenizer.model_max_length == 512


@torch.inference_mode()
def loss_of(model: Any, tokenizer: Any, text: str) -> float:
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text).input_ids]])
    logits = model(input_ids=ids, use_cache=False).logits
    return float(torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]))


def test_english_is_likelier_than_its_words_shuffled(model: Any, tokenizer: Any) -> None:
    assert sorted(REVIEW.replace(".", "").split()) == sorted(SHUFFLED.replace(".", "").split())
    assert loss_of(model, tokenizer, REVIEW) + 1.0 < loss_of(model, tokenizer, SHUFFLED)


def test_it_has_learned_movie_reviews(model: Any, tokenizer: Any) -> None:
    # A model that knows nothing is at ln(8192) = 9.0 nats a token; the card says 4.5 for reviews.
    assert loss_of(model, tokenizer, REVIEW) < 5.0


def test_the_card_is_one_the_hub_reads() -> None:
    card = ModelCard.load(FOLDER / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.language == "en"
    assert card.data.pipeline_tag == "text-generation"
    assert "gpt2" in (card.data.tags or [])
    assert "No labelled review was seen" in card.text


def test_the_weights_are_the_originals_rounded(shared: Path) -> None:
    original = shared / "models" / "tiny-gpt2-imdb" / "model.safetensors"
    with safe_open(original, "pt") as full, safe_open(FOLDER / "model.safetensors", "pt") as half:
        assert set(full.keys()) == set(half.keys())
        for name in full.keys():  # noqa: SIM118
            assert torch.equal(full.get_tensor(name).half(), half.get_tensor(name)), name
