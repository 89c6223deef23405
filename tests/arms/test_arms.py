"""The arms as a run sees them: fitted on rows, asked for answers, saved."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import lightune
from lightune.arms import arm_kind, make_arm
from lightune.arms.base import ArmContext
from lightune.arms.registry import KINDS
from lightune.artifacts import read_manifest
from lightune.catalogue import METHODS
from lightune.compute import Encoder, encoding
from lightune.compute.token_file import TokenFile
from lightune.compute.tokenising import tokenise
from lightune.config import LoraConfig, ModelConfig, StudyConfig, TrainingConfig, config_to_dict
from lightune.errors import ConfigError, RunError
from lightune.progress import silent
from tests.fixtures.models import save_classifier
from tests.fixtures.reviews import as_rows, make_reviews
from tests.fixtures.tiers import few

NAMES = ("bad", "good")
TRAIN, HELD_OUT = as_rows(make_reviews(24)), as_rows(make_reviews(12, seed=1))
TEXTS = HELD_OUT.texts


def context(arm: str, model: Path, scratch: Path, seed: int = 0, **training: Any) -> ArmContext:
    config = StudyConfig(
        ModelConfig(str(model)),
        training=TrainingConfig(**{"max_steps": 2, "evaluations": 1, **training}),
        lora=LoraConfig(rank=2),
    )
    scratch.mkdir(parents=True, exist_ok=True)
    return ArmContext(arm, config, NAMES, "good", "fingerprint", seed, len(TRAIN), scratch, scratch / "cache", silent)


def fitted(arm: str, model: Path, scratch: Path, seed: int = 0, **training: Any) -> Any:
    return make_arm(context(arm, model, scratch, seed, **training)).fit(TRAIN, HELD_OUT)


def test_a_name_that_is_no_arm_is_told_what_arms_there_are():
    with pytest.raises(
        ConfigError,
        match=r"--arms: 'lorra' is no arm; there are majority, tfidf, .*lora, full, the other .* Did you mean lora",
    ):
        arm_kind("lorra")


def test_an_arm_depends_on_its_own_settings_alone():
    settings = config_to_dict(StudyConfig())
    assert arm_kind("pretrained").settings(settings) == {}
    assert arm_kind("lora").settings(settings).keys() == {"training", "lora", "method", "rate_trials"}
    assert arm_kind("probe").settings(settings).keys() == {"training", "probe"}
    assert not arm_kind("tfidf").needs_model


@pytest.mark.parametrize("second", ["pretrained", "probe", "lora"])
@pytest.mark.full
def test_runs_of_a_study_tokenise_each_text_once(bases, tmp_path, monkeypatch, second):
    asked = []
    monkeypatch.setattr(encoding, "tokenise", lambda own, texts: asked.extend(texts) or tokenise(own, texts))
    alone = replace(context(second, bases["gpt2"], tmp_path / "alone"), seed=1)
    before = make_arm(alone).fit(TRAIN, HELD_OUT)
    logits = before.logits(TEXTS)
    first = make_arm(context("full", bases["gpt2"], tmp_path / "first")).fit(TRAIN, HELD_OUT)
    asked.clear()
    again = replace(alone, scratch=tmp_path / "again", cache=first.context.cache)
    again.scratch.mkdir()
    after = make_arm(again).fit(TRAIN, HELD_OUT)
    answers = after.predict_each(HELD_OUT)
    assert asked == []
    np.testing.assert_array_equal(after.logits(TEXTS), logits)
    # What an earlier run took for it counts as if this one had done it.
    kept = Encoder(first.base.tokenizer, 20, "head").cached(first.context.cache).encode(TEXTS)
    assert answers.seconds > kept.spared > 0


@pytest.mark.parametrize("keep", [True, False])
def test_tokens_are_not_kept_where_no_text_may_stay(bases, tmp_path, keep):
    told = context("pretrained", bases["gpt2"], tmp_path)
    told = replace(told, config=replace(told.config, keep_texts=keep))
    make_arm(told).fit(TRAIN, HELD_OUT).predict_each(HELD_OUT)
    assert bool(list(tmp_path.rglob("tokens-*"))) == keep


@pytest.mark.parametrize("arm", ["probe", "lora"])
@pytest.mark.full
def test_seconds_that_the_cache_spares_are_counted(bases, tmp_path, monkeypatch, arm):
    told = context(arm, bases["gpt2"], tmp_path)
    make_arm(told).fit(TRAIN, HELD_OUT)
    for path in told.cache.glob("features-*"):
        path.unlink()
    (tmp_path / "again").mkdir()
    monkeypatch.setattr(TokenFile, "seconds_for", lambda self, places: 1000.0 if len(places) else 0.0)
    again = make_arm(replace(told, scratch=tmp_path / "again")).fit(TRAIN, HELD_OUT)
    assert 2000 < again.facts.fit_seconds < 3000
    assert 1000 < again.predict_each(HELD_OUT).seconds < 2000


def can(arm: str, kind: str) -> bool:
    """Only what reads from left to right has an answer of its own; Llama's layers have no biases."""
    return (arm, kind) not in (("zero-shot", "bert"), ("bitfit", "llama"))


# Every method on every architecture is the table of docs/methods.md, which has a test of its own.
FEW = [name for name in KINDS if name not in METHODS or name in ("lora", "prefix-tuning", "bitfit")]
ON_GPT2 = [(arm, "gpt2") for arm in KINDS if arm != "qlora"]
OTHERS = [pytest.param(a, k, marks=pytest.mark.full) for a in FEW for k in ("bert", "llama") if can(a, k)]


@pytest.mark.full
@pytest.mark.parametrize(("arm", "kind"), [*few(ON_GPT2, *((arm, "gpt2") for arm in FEW)), *OTHERS])
def test_what_was_saved_answers_as_what_is_in_memory(bases, tmp_path, arm, kind):
    model = fitted(arm, bases[kind], tmp_path / "scratch")
    model.save(tmp_path / "saved", 1.5)
    assert read_manifest(tmp_path / "saved").temperature == 1.5
    loaded = lightune.load(tmp_path / "saved")
    assert np.abs(loaded.logits(TEXTS) - model.logits(TEXTS)).max() < 1e-5


@pytest.mark.full
def test_an_untrained_head_is_measured_over_five_seeds(bases, tmp_path):
    model = fitted("pretrained", bases["gpt2"], tmp_path, seed=7)
    answers = model.predict_each(HELD_OUT)
    assert model.seeds == (7, 8, 9, 10, 11)
    assert answers.probabilities.shape == (5, len(TEXTS), 2)
    assert answers.probabilities.sum(axis=2) == pytest.approx(1)
    assert len({row.tobytes() for row in answers.probabilities}) == 5
    # Each is what a study with that seed alone would measure first.
    other = fitted("pretrained", bases["gpt2"], tmp_path, seed=9)
    assert np.abs(other.predict_each(HELD_OUT).probabilities[0] - answers.probabilities[2]).max() < 1e-6
    assert model.facts.head == "untrained"
    assert "Measured over 5 head seeds." in model.facts.notes


@pytest.mark.full
def test_a_trained_head_is_measured_as_it_is(tmp_path):
    folder = save_classifier(tmp_path / "model", NAMES)
    model = fitted("pretrained", folder, tmp_path / "scratch")
    assert model.seeds == (0,)
    assert model.predict_each(HELD_OUT).probabilities.shape == (1, len(TEXTS), 2)
    assert model.facts.head == "trained"
    other = fitted("pretrained", folder, tmp_path / "scratch", seed=5)
    assert (other.logits(TEXTS) == model.logits(TEXTS)).all()


def test_what_nothing_was_learned_for_costs_nothing_to_fit(bases, tmp_path):
    facts = fitted("pretrained", bases["gpt2"], tmp_path).facts
    assert (facts.fit_seconds, facts.trainable_parameters, facts.tokens, facts.training) == (0.0, 0, 0, None)


def test_lora_reports_what_it_took(bases, tmp_path):
    model = fitted("lora", bases["gpt2"], tmp_path)
    facts = model.facts
    # Two blocks: rank 2 beside c_attn, c_proj, c_fc and c_proj; two rows of the head.
    per_block = 2 * ((32 + 96) + (32 + 32) + (32 + 128) + (128 + 32))
    assert facts.trainable_parameters == 2 * per_block + 2 * 32
    assert facts.rows == 24  # one step of 16 and one of 8
    assert facts.tokens == model.encoder.encode(TRAIN.texts).lengths.sum()
    assert facts.fit_seconds > 0
    assert facts.training.steps == 2


@pytest.mark.full
def test_answers_come_with_what_they_took(bases, tmp_path):
    model = fitted("lora", bases["gpt2"], tmp_path)
    long = " ".join(["a very long review"] * 60)
    answers = model.predict_each(as_rows([*((text, "good") for text in TEXTS), (long, "good"), ("", "bad")]))
    assert answers.probabilities.shape == (1, len(TEXTS) + 2, 2)
    assert answers.cut.sum() == 1
    assert answers.cut[len(TEXTS)]
    assert answers.tokens == model.encoder.encode([*TEXTS, long, ""]).lengths.sum()
    assert answers.seconds > 0


@pytest.mark.full
def test_dropout_of_the_frozen_base_is_off_unless_asked_for(bases, tmp_path):
    def drops(model: Any) -> set[float]:
        return {module.p for module in model.base.model.modules() if isinstance(module, nn.Dropout)}

    assert drops(fitted("lora", bases["gpt2"], tmp_path / "a")) == {0.0}
    assert drops(fitted("lora", bases["gpt2"], tmp_path / "b", frozen_dropout=True)) == {0.1}


@pytest.mark.full
def test_stock_routes_are_told(bases, tmp_path):
    assert fitted("lora", bases["gpt2"], tmp_path / "a").save(tmp_path / "lora", None) == "adapter"
    assert fitted("full", bases["gpt2"], tmp_path / "c").save(tmp_path / "full", None) == "merged"
    route = fitted("pretrained", bases["gpt2"], tmp_path / "b").save(tmp_path / "pretrained", None)
    assert route.startswith("none: ")


@pytest.mark.full
def test_stock_transformers_loads_a_full_fine_tune_as_it_was_measured(bases, tmp_path):
    model = fitted("full", bases["gpt2"], tmp_path / "scratch")
    model.save(tmp_path / "saved", None)
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved")
    with torch.no_grad():
        for text, expected in zip(TEXTS[:4], model.logits(TEXTS[:4]), strict=True):
            said = stock(**tokenizer(text, return_tensors="pt", truncation=True, max_length=64)).logits[0].numpy()
            assert np.abs(said - expected).max() < 1e-5


@pytest.mark.full
def test_a_full_fine_tune_changes_every_weight_it_has(bases, tmp_path):
    facts = fitted("full", bases["gpt2"], tmp_path).facts
    assert facts.trainable_parameters == facts.total_parameters > 0


def test_the_majority_is_that_of_the_training_rows(bases, tmp_path):
    rows = as_rows([("one", "bad"), ("two", "bad"), ("three", "good")])
    model = make_arm(context("majority", bases["gpt2"], tmp_path)).fit(rows, HELD_OUT)
    assert model.predict_each(HELD_OUT).probabilities[0] == pytest.approx(np.tile([2 / 3, 1 / 3], (len(HELD_OUT), 1)))


@pytest.mark.full
@pytest.mark.parametrize(("arm", "least"), [("tfidf", 0.9), ("probe", 0.6)])  # the tiny model's weights are random
def test_a_cheap_arm_learns_easy_reviews(bases, tmp_path, arm, least):
    train, test = as_rows(make_reviews(200)), as_rows(make_reviews(60, seed=3))
    model = make_arm(context(arm, bases["gpt2"], tmp_path)).fit(train, as_rows(make_reviews(40, seed=2)))
    right = model.predict_each(test).probabilities[0].argmax(axis=1) == test.labels
    assert right.mean() > least


def test_tfidf_says_what_it_used_validation_for_and_keeps_what_it_said_before(bases, tmp_path):
    facts = fitted("tfidf", bases["gpt2"], tmp_path).facts
    assert facts.validation_use == "chose C by loss, then learned from it too"
    assert facts.held_out.shape == (len(HELD_OUT), 2)
    assert facts.rows == len(TRAIN) + len(HELD_OUT)
    # What it says of these rows now that it has learned from them is another thing.
    now = fitted("tfidf", bases["gpt2"], tmp_path).predict_each(HELD_OUT).probabilities[0]
    assert np.abs(now - facts.held_out).max() > 1e-3


def test_a_label_that_a_small_training_set_lacks_is_never_the_answer(bases, tmp_path):
    made = context("tfidf", bases["gpt2"], tmp_path)
    made = replace(made, label_names=("bad", "good", "mixed"), positive_label=None)
    said = make_arm(made).fit(TRAIN, HELD_OUT).predict_each(HELD_OUT).probabilities[0]
    assert said.shape == (len(HELD_OUT), 3)
    assert said[:, 2].max() < 1e-6


def test_texts_without_a_word_end_the_run_with_a_sentence(bases, tmp_path):
    rows = as_rows([("!", "bad"), ("?", "good")])
    with pytest.raises(RunError, match="finds no word"):
        make_arm(context("tfidf", bases["gpt2"], tmp_path)).fit(rows, rows)


@pytest.mark.full
def test_the_probe_computes_each_text_once_for_the_whole_study(bases, tmp_path):
    first = fitted("probe", bases["gpt2"], tmp_path)
    assert first.facts.tokens > 0
    again = fitted("probe", bases["gpt2"], tmp_path, seed=1)
    assert again.facts.tokens == 0
    assert any("from an earlier run" in note for note in again.facts.notes)
    assert (again.logits(TEXTS) == first.logits(TEXTS)).all()


@pytest.mark.full
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_features_of_a_model_that_was_changed_are_computed_anew(bases, tmp_path, name):
    folder = Path(shutil.copytree(bases["gpt2"], tmp_path / "model"))
    first = fitted("probe", folder, tmp_path)
    told = json.loads((folder / name).read_text())
    if name == "config.json":
        told["layer_norm_epsilon"] = 0.5
    else:
        told["normalizer"] = {"type": "Lowercase"}
    (folder / name).write_text(json.dumps(told))
    again = fitted("probe", folder, tmp_path)
    assert again.facts.tokens > 0
    assert (again.logits(TEXTS) != first.logits(TEXTS)).any()


@pytest.mark.full
def test_zero_shot_learns_nothing_and_tells_its_prompts(bases, tmp_path):
    model = fitted("zero-shot", bases["gpt2"], tmp_path)
    assert model.facts.trainable_parameters == 0
    assert any("{text}" in note and "good: great" in note for note in model.facts.notes)
    assert model.predict_each(HELD_OUT).probabilities.shape == (1, len(HELD_OUT), 2)
