"""Adapters on disk: what was trained comes back to the bit, here and in stock peft; what does not fit is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from lightune.catalogue import METHODS
from lightune.errors import ModelError
from lightune.methods import adapter_config, attach, is_adapter, load_adapter, save_adapter, trainable_parameters
from tests.fixtures.bases import answers, largest_difference, load, padded, token_rows
from tests.fixtures.models import KINDS
from tests.fixtures.tiers import few

BATCH = padded(token_rows(4, 9), 0)
LABELS = torch.tensor([0, 1])


def train(model: Any, steps: int = 3) -> None:
    """A few steps by hand, so that both factors and the head are what training makes of them."""
    model.train()
    values = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(values, lr=0.05)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(**BATCH).logits, LABELS)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


def trained_adapter(folder: Path, base_folder: Path, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    base = load(base_folder)
    model = attach(base.model, base.head.modules, METHODS["lora"], {"r": 2, **options})
    train(model)
    save_adapter(model, folder, str(base_folder))
    return base, model


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_training_leaves_the_base_as_it_was_to_the_bit(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    before = {name: value.clone() for name, value in load(bases[kind]).model.state_dict().items()}
    _, model = trained_adapter(tmp_path, bases[kind])
    seen = set()
    for name, value in model.base_model.model.state_dict().items():
        stock = name.replace(".base_layer.", ".").replace(".original_module.", ".")
        if stock in before:
            seen.add(stock)
            assert torch.equal(value, before[stock]), name
    assert seen == set(before)


class Backwards(set):  # type: ignore[type-arg]
    """A set in an order of its own, as each process has another one."""

    def __iter__(self) -> Any:
        return iter(sorted(super().__iter__(), reverse=True))


def test_an_adapter_is_written_in_the_same_order_each_time(bases: dict[str, Path], tmp_path: Path) -> None:
    base = load(bases["gpt2"])
    model = attach(base.model, base.head.modules, METHODS["lora"], {"r": 2})
    config = model.active_peft_config
    names = config.target_modules = Backwards(config.target_modules)
    save_adapter(model, tmp_path, str(bases["gpt2"]))
    saved = json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"]
    assert saved == sorted(names) != list(names)
    assert config.target_modules is names


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_a_saved_adapter_comes_back_with_the_same_answers(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    _, model = trained_adapter(tmp_path, bases[kind])
    expected = answers(model, **BATCH)
    # Another seed draws another head, which the adapter's must replace.
    fresh = load(bases[kind], seed=9)
    untrained = answers(fresh.model, **BATCH)
    loaded = load_adapter(fresh.model, tmp_path)
    assert not loaded.training
    assert torch.equal(answers(loaded, **BATCH), expected)
    assert largest_difference(untrained, expected) > 1e-2
    assert is_adapter(tmp_path)
    assert adapter_config(tmp_path).base_model_name_or_path == str(bases[kind])
    assert trainable_parameters(loaded)[1] == trainable_parameters(model)[1]


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_every_tensor_of_the_head_is_changed_by_training_and_saved(
    bases: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    base, model = trained_adapter(tmp_path, bases[kind])
    saved = load_file(tmp_path / "adapter_model.safetensors")
    before = load(bases[kind]).model
    names = [
        f"{module}.{name}"
        for module in base.head.modules
        for name, _ in before.get_submodule(module).named_parameters()
    ]
    assert set(base.head.drawn) <= set(names)
    for name in names:
        stored = saved.pop(f"base_model.model.{name}")
        assert largest_difference(stored, before.get_parameter(name)) > 1e-3, name
    assert all("lora_" in name for name in saved)
    assert trainable_parameters(model)[0] == sum(value.numel() for value in saved.values()) + sum(
        before.get_parameter(name).numel() for name in names
    )


# What a program does that knows nothing but the folders: another seed, so another head to begin with.
RELOAD = """
import json, sys, torch
from pathlib import Path
from safetensors.torch import load_file
from lightune.methods import load_adapter
from lightune.models import find_model, load_classifier

bases, adapters = json.loads(sys.argv[1]), Path(sys.argv[2])
expected = load_file(adapters / "expected.safetensors")
batch = load_file(adapters / "batch.safetensors")
for kind, folder in bases.items():
    base = load_classifier(find_model(folder), ("bad", "good"), seed=9)
    with torch.no_grad():
        fresh = base.model(**batch).logits
        logits = load_adapter(base.model, adapters / kind)(**batch).logits
    off, moved = ((one - expected[kind]).abs().max().item() for one in (logits, fresh))
    print(json.dumps([kind, off, moved]))
"""


@pytest.fixture(scope="module")
def reloaded(bases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, float]]:
    """In a process of its own, how far the logits of each kind's adapter, and those without it, are off."""
    folder = tmp_path_factory.mktemp("adapters")
    expected = {kind: answers(trained_adapter(folder / kind, bases[kind])[1], **BATCH) for kind in KINDS}
    save_file(expected, folder / "expected.safetensors")
    save_file(BATCH, folder / "batch.safetensors")
    places = json.dumps({kind: str(bases[kind]) for kind in KINDS})
    done = subprocess.run(
        [sys.executable, "-c", RELOAD, places, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {kind: (off, moved) for kind, off, moved in map(json.loads, done.stdout.splitlines())}


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_process_gives_the_same_logits(reloaded: dict[str, tuple[float, float]], kind: str) -> None:
    off, moved = reloaded[kind]
    assert off < 1e-5
    assert moved > 1e-2


@pytest.mark.full
@pytest.mark.parametrize("kind", few(KINDS))
def test_stock_peft_gives_the_same_logits(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    base, model = trained_adapter(tmp_path, bases[kind])
    stock = AutoModelForSequenceClassification.from_pretrained(bases[kind], num_labels=2)
    stock.config.pad_token_id = base.tokenizer.pad_token_id
    loaded = peft.PeftModel.from_pretrained(stock, str(tmp_path)).eval()
    assert largest_difference(answers(loaded, **BATCH), answers(model, **BATCH)) < 1e-5


@pytest.mark.full
@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_an_adapter_that_stock_peft_made_is_loaded(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    torch.manual_seed(4)
    stock = AutoModelForSequenceClassification.from_pretrained(bases[kind], num_labels=2)
    stock.config.pad_token_id = 0
    targets, heads = (["c_attn"], ["score"]) if kind == "gpt2" else (["query"], ["classifier", "pooler"])
    config = peft.LoraConfig(
        task_type="SEQ_CLS", r=2, target_modules=targets, modules_to_save=heads, fan_in_fan_out=kind == "gpt2"
    )
    model = peft.get_peft_model(stock, config)
    train(model)
    model.save_pretrained(tmp_path)
    loaded = load_adapter(load(bases[kind]).model, tmp_path)
    assert largest_difference(answers(loaded, **BATCH), answers(model, **BATCH)) < 1e-5


def drop_half(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    weights = load_file(path)
    save_file({name: weights[name] for name in sorted(weights)[::2]}, path)


def drop_the_head(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    save_file({name: value for name, value in load_file(path).items() if "lora_" in name}, path)


def add_one(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    save_file({**load_file(path), "base_model.model.odd": torch.zeros(1)}, path)


def reshape(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    weights = load_file(path)
    save_file({name: torch.zeros(value.shape[0] + 1, *value.shape[1:]) for name, value in weights.items()}, path)


def cut_off(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def remove(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()


def spoil_configuration(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{")


def name_no_method(folder: Path) -> None:
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "NO_SUCH_METHOD"}))


@pytest.mark.full
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_half, r"does not fit this base model: \d+ tensors are missing and 0 do not belong"),
        (drop_the_head, r"does not fit this base model: 1 tensors are missing and 0 do not belong .*score"),
        (add_one, r"0 tensors are missing and 1 do not belong \(base_model\.model\.odd\)"),
        (reshape, "has the shape \\(3, 32\\), and this base model with these labels takes \\(2, 32\\)"),
        (cut_off, r"adapter_model\.safetensors cannot be read"),
        (remove, r"adapter_model\.safetensors is expected .* but is missing"),
        (spoil_configuration, r"adapter_config\.json cannot be used"),
        (name_no_method, r"adapter_config\.json cannot be used"),
    ],
)
def test_an_adapter_that_is_not_whole_is_refused(
    bases: dict[str, Path], tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    trained_adapter(tmp_path, bases["gpt2"])
    spoil(tmp_path)
    with pytest.raises(ModelError, match=message) as caught:
        load_adapter(load(bases["gpt2"]).model, tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")


@pytest.mark.full
def test_an_adapter_of_another_base_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    trained_adapter(tmp_path, bases["bert"])
    with pytest.raises(ModelError, match="layers that this base model does not have"):
        load_adapter(load(bases["gpt2"]).model, tmp_path)


@pytest.mark.full
def test_an_adapter_of_other_labels_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    trained_adapter(tmp_path, bases["gpt2"])
    with pytest.raises(
        ModelError, match=r"has the shape \(2, 32\), and this base model with these labels takes \(3, 32\)"
    ):
        load_adapter(load(bases["gpt2"], ("a", "b", "c")).model, tmp_path)


def test_a_plain_folder_is_no_adapter(bases: dict[str, Path]) -> None:
    assert not is_adapter(bases["gpt2"])


def test_an_adapter_is_small_and_holds_no_embedding(bases: dict[str, Path], tmp_path: Path) -> None:
    _, model = trained_adapter(tmp_path, bases["gpt2"])
    weights = load_file(tmp_path / "adapter_model.safetensors")
    assert sum(value.numel() for value in weights.values()) == trainable_parameters(model)[0]
    assert not [name for name in weights if "wte" in name]
