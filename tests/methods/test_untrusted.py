"""An adapter's folder is checked before peft reads it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import save_file

from lightune.errors import ModelError
from lightune.methods import adapter_config, check_adapter_folder, load_adapter
from tests.fixtures.bases import load

LORA = {
    "peft_type": "LORA",
    "task_type": "SEQ_CLS",
    "r": 4,
    "target_modules": ["c_attn"],
    "megatron_core": "megatron.core",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An adapter as peft lays it, of one tensor."""
    save_file({"a": torch.zeros(4, 2048)}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(LORA))
    return tmp_path


def edit(folder: Path, **changes: Any) -> None:
    (folder / "adapter_config.json").write_text(json.dumps({**LORA, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"base_model_name_or_path": "/some/where"},
        {"target_modules": "all-linear"},
        {"target_modules": r".*\.(q_proj|v_proj)$"},
        {"target_modules": r"model\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:q_proj|v_proj)"},
        {"target_modules": r".*\.layers\.\d+\.(self_attn|mlp)\.(q_proj|k_proj|v_proj|o_proj)"},
        {"target_modules": r".*?(?:encoder|decoder).*?\.(?:q|v)_proj"},
        {"modules_to_save": ["score", "classifier.out_proj"], "layers_pattern": ["h", "layers"]},
        {"peft_type": "PROMPT_TUNING", "tokenizer_name_or_path": "gpt2", "tokenizer_kwargs": {"revision": "main"}},
        {"rank_pattern": {"^h.0.attn": 8}, "alpha_pattern": {"h.0": 10**6}},
        {"r": 2048},
        {"lora_alpha": 10**6, "projection_prng_key": 10**9},
        {"peft_type": "ADALORA", "total_step": 10**6},
        {"auto_mapping": {"parent_library": "odd"}},
    ],
    ids=str,
)
def test_what_adapters_say_is_no_fault(folder: Path, changes: dict[str, Any]) -> None:
    edit(folder, **changes)
    check_adapter_folder(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"megatron_config": {"a": 1}}, "megatron_config is set"),
        ({"megatron_core": "odd_module"}, "megatron_core is 'odd_module'"),
        ({"tokenizer_kwargs": {"trust_remote_code": True}}, "tokenizer_kwargs is set"),
        ({"prompt_tuning_init_state_dict_path": "x.bin"}, "prompt_tuning_init_state_dict_path is set"),
        ({"corda_config": {"cache_file": "x.pt"}}, "cache_file is set"),
        ({"peft_type": "XLORA"}, "peft_type is 'XLORA'"),
        ({"peft_type": ["LORA"]}, "peft_type is"),
        ({"target_modules": "(a+)+$"}, "a pattern that may take for ever"),
        ({"target_modules": "(a|b)*c"}, "a pattern that may take for ever"),
        ({"target_modules": ".*.*.*.*.*x"}, "a pattern that may take for ever"),
        ({"exclude_modules": "(a{1,9}){1,9}"}, "a pattern that may take for ever"),
        ({"rank_pattern": {"(a+)+": 4}}, "a pattern that may take for ever"),
        ({"target_modules": ".?" * 60 + "!"}, "a pattern that may take for ever"),
        ({"target_modules": ".??" * 60 + "!"}, "a pattern that may take for ever"),
        ({"target_modules": "(.|.)" * 30 + "!"}, "a pattern that may take for ever"),
        ({"target_modules": "(((.|.)(.|.)|.)(.|.)|.)(.|.)!"}, "a pattern that may take for ever"),
        ({"target_modules": ("(." + "|." * 100 + ")") * 3 + "!"}, "a pattern that may take for ever"),
        ({"target_modules": "(?#[)" + ".?" * 60 + "(?#])!"}, "a pattern that may take for ever"),
        ({"target_modules": "(?x)#[\n" + ".?" * 60 + "#]\n!"}, "a pattern that may take for ever"),
        ({"modules_to_save": ["score", "(.+)+!"]}, "modules_to_save holds a pattern that may take for ever"),
        ({"modules_to_save": {"(.+)+!": 1}}, "modules_to_save holds a pattern that may take for ever"),
        ({"layers_pattern": ["(.+)+!"]}, "layers_pattern holds a pattern that may take for ever"),
        ({"tokenizer_name_or_path": "gpt2"}, "tokenizer_name_or_path is set"),
        ({"peft_type": "PROMPT_TUNING", "own_path": "gpt2"}, "own_path is set"),
        ({"r": 2049}, "r is 2,049, and no tensor"),
        ({"rank_pattern": {"c_attn": 10**8}}, "c_attn is 100,000,000"),
        ({"layer_replication": [[0, 1]], "num_virtual_tokens": 10**9}, "num_virtual_tokens is 1,000,000,000"),
    ],
    ids=str,
)
def test_what_leads_elsewhere_or_has_no_bounds_is_refused(folder: Path, changes: dict[str, Any], said: str) -> None:
    edit(folder, **changes)
    with pytest.raises(ModelError, match=re.escape(said)) as caught:
        check_adapter_folder(folder)
    assert str(caught.value).startswith(f"{folder}: adapter_config.json cannot be used: ")


@pytest.mark.full
def test_the_tokenizer_of_a_prompts_words_is_never_loaded(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load(bases["gpt2"])
    prompt = peft.PromptTuningConfig(
        task_type="SEQ_CLS",
        num_virtual_tokens=4,
        prompt_tuning_init="TEXT",
        prompt_tuning_init_text="Good?",
        tokenizer_name_or_path=str(bases["gpt2"]),
    )
    trained = peft.get_peft_model(base.model, prompt)
    trained.save_pretrained(str(tmp_path))
    # As a trainer stopped half-way leaves it.
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "inference_mode": False}))

    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("a tokenizer was asked for")

    again, other = load(bases["gpt2"]).model, load(bases["gpt2"]).model
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", asked)
    loaded = load_adapter(again, tmp_path)
    assert torch.equal(
        loaded.prompt_encoder["default"].embedding.weight, trained.prompt_encoder["default"].embedding.weight
    )
    # To train it, peft would.
    with pytest.raises(AssertionError, match="a tokenizer was asked for"):
        peft.get_peft_model(other, prompt)


def test_a_configuration_that_is_a_link_is_not_read(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "x.json"
    shutil.move(folder / "adapter_config.json", other)
    (folder / "adapter_config.json").symlink_to(other)
    with pytest.raises(ModelError, match="outside of its folder"):
        adapter_config(folder)


def test_a_pickle_is_called_one(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"a pickle \(adapter_model\.bin\), which can run code"):
        check_adapter_folder(folder)
