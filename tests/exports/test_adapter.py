"""An adapter export is what stock peft loads; with its base it can be moved."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import peft
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import lightune
from lightune.errors import ModelError, RunError
from lightune.exports import Order, export, exporting
from lightune.exports.adapter import copy_base
from lightune.models import find_model, quiet_transformers, weights_digest
from tests.artifacts.helpers import save_adapted
from tests.fixtures.models import tiny_config, tokenizer_for
from tests.fixtures.tiers import few

TEXTS = ["the plot is dull", "a joy from the first scene", "bad"]


def _stock_logits(base, folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2, pad_token_id=0)
        model = peft.PeftModel.from_pretrained(model, str(folder)).eval()
    with torch.inference_mode():
        return np.stack([model(**tokenizer(text, return_tensors="pt")).logits[0].numpy() for text in TEXTS])


def test_stock_peft_loads_it_on_the_unconverted_base(exported, finished, tiny_gpt2):
    folder, record = exported("adapter")
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == str(tiny_gpt2)
    np.testing.assert_allclose(
        _stock_logits(tiny_gpt2, folder), lightune.load(finished.folder).logits(TEXTS), atol=1e-5
    )
    assert [one.name for one in record.checks] == ["tokenizer", "weights", "lightune", "peft"]
    assert lightune.load(folder).verified


@pytest.mark.full
def test_a_pair_works_elsewhere_without_the_first_base(lone, tmp_path, moved):
    folder = lone()
    ours = lightune.load(folder).logits([*TEXTS, ""])
    export(Order(folder, "adapter", tmp_path / "pair", with_base=True))
    there = moved(tmp_path / "pair")
    for gone in (tmp_path / "base-gpt2", tmp_path / "pair", folder):
        shutil.rmtree(gone)
    loaded = lightune.load(there)
    assert loaded.verified
    np.testing.assert_array_equal(loaded.logits([*TEXTS, ""]), ours)
    np.testing.assert_allclose(_stock_logits(there / "base", there), ours[:-1], atol=1e-5)


@pytest.mark.full
def test_stock_peft_s_auto_class_finds_the_base_from_inside_the_pair(exported, moved):
    code = (
        "import peft, transformers; transformers.logging.set_verbosity_error();"
        "model = peft.AutoPeftModelForSequenceClassification.from_pretrained('.', num_labels=2, pad_token_id=0);"
        "print(type(model.base_model.model).__name__)"
    )
    there = moved(exported("pair")[0])
    done = subprocess.run([sys.executable, "-c", code], cwd=there, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "GPT2ForSequenceClassification"


def test_a_pair_whose_manifest_is_gone_still_finds_its_base(exported, finished, moved):
    there = moved(exported("pair")[0])
    (there / "lightune.json").unlink()
    loaded = lightune.load(there)
    assert not loaded.verified
    np.testing.assert_allclose(loaded.logits(TEXTS), lightune.load(finished.folder).logits(TEXTS), atol=1e-5)


def test_a_pair_whose_base_was_swapped_is_refused(exported, moved, bases):
    there = moved(exported("pair")[0])
    shutil.copyfile(bases["gpt2"] / "model.safetensors", there / "base" / "model.safetensors")
    with pytest.raises(ModelError, match="weights there now are others"):
        lightune.load(there)


def test_an_export_is_exported_again(exported, tmp_path):
    pair, _ = exported("pair")
    export(Order(pair, "adapter", tmp_path / "adapter"))
    named = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert named == str(pair / "base")
    export(Order(tmp_path / "adapter", "adapter", tmp_path / "pair", with_base=True))
    assert (tmp_path / "pair" / "base" / "model.safetensors").exists()


@pytest.mark.full
def test_the_base_is_copied_without_pickles_and_code(lone, tmp_path):
    folder = lone()
    for name in ("pytorch_model.bin", "modeling.py", "notes.md", "training_args.pt"):
        (tmp_path / "base-gpt2" / name).write_text("x")
    export(Order(folder, "adapter", tmp_path / "out", with_base=True))
    names = {path.name for path in (tmp_path / "out" / "base").iterdir()}
    assert names <= {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


@pytest.mark.full
@pytest.mark.parametrize("kind", few(["bert", "roberta", "llama"], "bert"))
def test_every_architecture_is_compared_with_stock_peft(bases, tmp_path, kind):
    save_adapted(tmp_path / "lone", bases[kind], ("bad", "middling", "good"))
    record = export(Order(tmp_path / "lone", "adapter", tmp_path / "out", with_base=True))
    assert all(one.outcome == "pass" for one in record.checks)


@pytest.mark.full
def test_an_adapter_that_differs_is_not_named_done(lone, tmp_path, monkeypatch):
    from safetensors.torch import load_file, save_file

    real = exporting.write_adapter

    def broken(origin, folder, with_base):
        real(origin, folder, with_base)
        path = folder / "adapter_model.safetensors"
        save_file({name: tensor * 1.01 for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})

    folder = lone()
    monkeypatch.setattr(exporting, "write_adapter", broken)
    with pytest.raises(RunError, match=r"lightune .*peft"):
        export(Order(folder, "adapter", tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base-gpt2", "lone"]


@pytest.mark.full
def test_a_base_without_weights_has_no_stock_route(tmp_path):
    config = tiny_config("gpt2")
    config.save_pretrained(tmp_path / "base")
    tokenizer_for("gpt2").save_pretrained(tmp_path / "base")
    save_adapted(tmp_path / "lone", tmp_path / "base", ("bad", "good"))
    with pytest.raises(ModelError, match="holds no weights"):
        export(Order(tmp_path / "lone", "adapter", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    export(Order(tmp_path / "lone", "merged", tmp_path / "out"))


def test_a_base_from_the_hub_is_copied_from_what_was_fetched(tiny_gpt2, tmp_path, monkeypatch):
    asked = {}

    def fetched(repository, allow_patterns):
        asked[repository] = allow_patterns
        return str(tiny_gpt2)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
    copy_base(replace(find_model(str(tiny_gpt2)), location="lab/base"), tmp_path / "base")
    assert list(asked) == ["lab/base"]
    assert not any("bin" in pattern or "py" in pattern for pattern in asked["lab/base"])
    assert weights_digest(find_model(str(tmp_path / "base"))) == weights_digest(find_model(str(tiny_gpt2)))
