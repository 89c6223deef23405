"""A merged export is a stock folder that answers as its original."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

import lightune
from lightune.artifacts import load_artifact
from lightune.errors import RunError
from lightune.exports import Order, export, exporting
from lightune.models import quiet_transformers
from tests.artifacts.helpers import save_adapted
from tests.fixtures.models import END
from tests.fixtures.tiers import few
from tests.study.shared import write_reviews

TEXTS = ["the plot is dull", "a joy from the first scene", "good " * 100, f"a joy {END}", "bad"]
WILD = (
    "`code` ```",
    "<script>alert(1)</script>",
    "two\nlines",
    "| cell |",
    "# title",
    "{{ braces }}",
    "---",
    "Bad",
    "bad",
)


def test_the_stock_pipeline_gives_the_study_s_answers_by_the_labels_names(finished, exported):
    folder, record = exported("merged")
    with quiet_transformers():
        classify = pipeline("text-classification", model=str(folder), device="cpu")
        found = classify(TEXTS, top_k=None, truncation=True, batch_size=3)
    for answer, ours in zip(found, lightune.load(finished.folder).predict(TEXTS), strict=True):
        theirs = {entry["label"]: entry["score"] for entry in answer}
        assert theirs == pytest.approx(ours.probabilities, abs=1e-5)
    assert {one.name for one in record.checks} == {"tokenizer", "weights", "lightune", "transformers", "pipeline"}
    assert all(one.outcome == "pass" for one in record.checks)
    assert max(one.difference for one in record.checks) <= 1e-5


def test_it_is_stock_and_knows_nothing_of_this_machine(exported, tiny_gpt2):
    folder, _ = exported("merged")
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["GPT2ForSequenceClassification"]
    assert config["id2label"] == {"0": "bad", "1": "good"}
    assert config["pad_token_id"] == 0
    assert config.get("problem_type") is None
    names = {path.name for path in folder.iterdir()}
    assert "adapter_config.json" not in names
    for path in folder.rglob("*"):
        assert str(tiny_gpt2).encode() not in path.read_bytes()
        assert b"/tmp" not in path.read_bytes() or path.suffix == ".safetensors"


def test_its_tokenizer_cuts_as_the_study_and_keeps_the_words_of_special_tokens(exported):
    tokenizer = AutoTokenizer.from_pretrained(exported("merged")[0])
    assert tokenizer.model_max_length == 64
    assert tokenizer.padding_side == "right"
    assert len(tokenizer("good " * 100, truncation=True)["input_ids"]) == 64
    assert tokenizer(f"a joy {END}")["input_ids"][-1] != tokenizer.eos_token_id


def test_lightune_loads_it_verified_without_the_base(exported, finished, moved):
    loaded = lightune.load(moved(exported("merged")[0]))
    assert loaded.verified
    assert loaded.arm == "lora"
    np.testing.assert_allclose(
        loaded.logits([*TEXTS, ""]), lightune.load(finished.folder).logits([*TEXTS, ""]), atol=1e-5
    )


@pytest.mark.full
@pytest.mark.parametrize("kind", few(["bert", "distilbert", "roberta", "llama"], "bert"))
def test_every_architecture_is_merged_exactly(bases, tmp_path, kind):
    save_adapted(tmp_path / "lone", bases[kind], ("bad", "middling", "good"))
    record = export(Order(tmp_path / "lone", "merged", tmp_path / "out"))
    assert all(one.difference <= one.tolerance for one in record.checks)


@pytest.mark.full
@pytest.mark.parametrize("truncate", ["tail", "head+tail"])
def test_a_cut_that_keeps_the_tail_is_the_tokenizer_s_too_and_one_that_keeps_both_is_told(lone, tmp_path, truncate):
    folder = lone(truncate=truncate, max_length=16)
    export(Order(folder, "merged", tmp_path / "out"))
    text = " ".join(f"word{at}" for at in range(30))
    tokens = AutoTokenizer.from_pretrained(tmp_path / "out")(text, truncation=True)["input_ids"]
    ours = load_artifact(folder).scorer.encoder.encode([text]).ids[0].tolist()
    assert (tokens == ours) == (truncate == "tail")
    assert ("cannot keep both ends" in (tmp_path / "out" / "README.md").read_text()) == (truncate == "head+tail")


@pytest.mark.full
def test_labels_of_all_kinds_keep_their_names_and_order(lone, tmp_path):
    folder = lone(WILD)
    export(Order(folder, "merged", tmp_path / "out"))
    assert lightune.load(tmp_path / "out").label_names == WILD
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert tuple(model.config.id2label.values()) == WILD


def test_an_untrained_head_and_a_whole_model_are_exported_too(finished, tmp_path):
    pretrained = finished.folder / "arms" / "pretrained"
    export(Order(pretrained, "merged", tmp_path / "one"))
    export(Order(tmp_path / "one", "merged", tmp_path / "two"))
    texts = ["the plot is dull", ""]
    ours = lightune.load(pretrained).logits(texts)
    for name in ("one", "two"):
        np.testing.assert_allclose(lightune.load(tmp_path / name).logits(texts), ours, atol=1e-6)


@pytest.mark.full
def test_weights_that_differ_are_not_named_done(lone, tmp_path, monkeypatch):
    real = exporting.write_merged

    def broken(origin, folder):
        model = real(origin, folder)
        tensors = {name: tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}
        name = next(name for name in tensors if name.endswith("h.1.mlp.c_fc.weight"))
        tensors[name][0] += 1e-2 * torch.randn_like(tensors[name][0])
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return model

    folder = lone()
    monkeypatch.setattr(exporting, "write_merged", broken)
    with pytest.raises(RunError, match=r"nothing is kept: weights .*lightune .*transformers .*pipeline"):
        export(Order(folder, "merged", tmp_path / "deep" / "out"))
    assert not (tmp_path / "deep").exists()


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("config.json", ('"0": "bad"', '"0": "poor"'), "cannot be used"),
        ("tokenizer_config.json", ('"model_max_length": 64', '"model_max_length": 9'), "tokenizer"),
        ("tokenizer_config.json", ('"split_special_tokens": true', '"split_special_tokens": false'), "tokenizer"),
    ],
)
def test_labels_and_tokens_that_differ_are_noticed(lone, tmp_path, monkeypatch, name, change, said):
    real = exporting.write_merged

    def broken(origin, folder):
        model = real(origin, folder)
        before = (folder / name).read_text()
        (folder / name).write_text(before.replace(*change))
        assert (folder / name).read_text() != before
        return model

    folder = lone()
    monkeypatch.setattr(exporting, "write_merged", broken)
    with pytest.raises(RunError, match=said):
        export(Order(folder, "merged", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.full
def test_a_whole_fine_tune_is_exported(tiny_gpt2, tmp_path):
    from lightune.study import in_process, run_study
    from tests.study.shared import quick_config

    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 30, 10), arms=("full",))
    run_study(config, tmp_path / "study", executor=in_process)
    record = export(Order(tmp_path / "study" / "arms" / "full", "merged", tmp_path / "out"))
    assert max(one.difference for one in record.checks) <= 1e-5
