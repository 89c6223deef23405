"""Adapters that are not what they should be: each refused with one sentence, code 2 and nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from lightune.arms.base import ArmContext
from lightune.arms.registry import make_arm
from lightune.config import ModelConfig, StudyConfig, TrainingConfig
from lightune.models import quiet_transformers
from lightune.progress import silent
from tests.cli.conftest import command
from tests.fixtures.models import language_model, save_language_model, tiny_config, tokenizer_for
from tests.fixtures.reviews import as_rows, make_reviews
from tests.study.shared import unchanged

# Each makes and checks whole artefacts.
pytestmark = pytest.mark.full

__all__ = ["command"]

# Low-rank, scaled, with frozen random factors, a prefix, one whose head lies in a file of its own, and no peft at all.
METHODS = ("lora", "ia3", "vera", "prefix-tuning", "adaption-prompt", "bitfit")
WEIGHTS = {"bitfit": "trained.safetensors"}
ROWS = as_rows(make_reviews(16))


@pytest.fixture(scope="module")
def trained(tiny_gpt2: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A saved adapter of each method, trained for two steps on one base."""
    root = tmp_path_factory.mktemp("adapters")
    return {method: _train(method, tiny_gpt2, root) for method in METHODS}


def _train(method: str, base: Path, root: Path) -> Path:
    training = TrainingConfig(max_steps=2, learning_rate=1e-2, evaluations=1)
    config = StudyConfig(model=ModelConfig(str(base)), arms=(method,), training=training)
    scratch = root / f"{method}-scratch"
    scratch.mkdir()
    context = ArmContext(method, config, ("bad", "good"), None, "f" * 64, 0, 16, scratch, scratch, silent)
    with quiet_transformers():
        make_arm(context).fit(ROWS, ROWS).save(root / method, None)
    return root / method


@pytest.fixture(params=METHODS)
def adapter(request: pytest.FixtureRequest, trained: dict[str, Path], tmp_path: Path) -> Path:
    """One of them, to be changed."""
    return Path(shutil.copytree(trained[request.param], tmp_path / request.param))


def weights_of(folder: Path) -> Path:
    return folder / WEIGHTS.get(folder.name, "adapter_model.safetensors")


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def assert_refused(command: Callable[..., Any], folder: Path, *words: str) -> None:
    """`lightune predict` says one sentence and writes nothing, for texts given and for a file."""
    source, target = folder.parent / "texts.csv", folder.parent / "answers.csv"
    source.write_text("text\nA joy.\n")
    with unchanged(folder.parent):
        for asked in (("A joy.",), ("--input", source, "--output", target)):
            said = command("predict", folder, *asked)
            assert (said.code, said.out) == (2, ""), said
            assert said.err.startswith("lightune: ")
            assert said.err.count("\n") == 1
            assert "fault of lightune" not in said.err
            assert str(folder) in said.err
            assert all(word in said.err for word in words), said.err


def test_what_is_whole_answers(command: Callable[..., Any], adapter: Path) -> None:
    said = command("predict", adapter, "A joy.")
    assert (said.code, said.err) == (0, "")


def _half(tensors: dict[str, torch.Tensor]) -> None:
    for name in sorted(tensors)[::2]:
        del tensors[name]


def _put(value: float) -> Callable[[dict[str, torch.Tensor]], None]:
    def put(tensors: dict[str, torch.Tensor]) -> None:
        tensors[sorted(tensors)[-1]].view(-1)[0] = value

    return put


def _add(tensors: dict[str, torch.Tensor]) -> None:
    tensors["odd.weight"] = torch.ones(3)


def _reshape(tensors: dict[str, torch.Tensor]) -> None:
    for name in tensors:
        tensors[name] = torch.cat([tensors[name], tensors[name]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_half, "tensors are"),
        (_put(float("nan")), "finite numbers are expected"),
        (_put(float("inf")), "finite numbers are expected"),
        (_put(float("-inf")), "finite numbers are expected"),
        (_add, "odd.weight"),
        (_reshape, "shape"),
        (dict.clear, "tensors are"),
    ],
    ids=["half", "nan", "inf", "-inf", "one more", "other shapes", "none"],
)
def test_tensors_that_are_not_those(
    command: Callable[..., Any], adapter: Path, change: Callable[[dict[str, torch.Tensor]], object], said: str
) -> None:
    edit(weights_of(adapter), change)
    assert_refused(command, adapter, said)


@pytest.mark.parametrize("size", [0, 1, 8, 100, -1], ids=["nothing", "a byte", "a length", "a piece", "all but a byte"])
def test_a_file_that_is_cut_off(command: Callable[..., Any], adapter: Path, size: int) -> None:
    path = weights_of(adapter)
    path.write_bytes(path.read_bytes()[:size])
    assert_refused(command, adapter, path.name)


def test_a_file_that_is_gone(command: Callable[..., Any], adapter: Path) -> None:
    weights_of(adapter).unlink()
    assert_refused(command, adapter, weights_of(adapter).name)


@pytest.mark.parametrize("change", [_half, _put(float("nan")), _add, dict.clear, _reshape])
def test_a_head_beside_it_that_is_not_that(
    command: Callable[..., Any], trained: dict[str, Path], tmp_path: Path, change: Callable[[Any], object]
) -> None:
    adapter = Path(shutil.copytree(trained["adaption-prompt"], tmp_path / "adaption-prompt"))
    edit(adapter / "head.safetensors", change)
    assert_refused(command, adapter, "head.safetensors")


# ------------------------------------------------------------------------------------------------ another label count


@pytest.mark.parametrize("names", [["bad"], ["bad", "middling", "good"]])
def test_a_manifest_of_other_labels(command: Callable[..., Any], adapter: Path, names: list[str]) -> None:
    edit_json(adapter / "lightune.json", label_names=names)
    assert_refused(command, adapter, "shape")


@pytest.mark.parametrize("rows", [1, 3])
def test_a_head_of_other_labels(command: Callable[..., Any], adapter: Path, rows: int) -> None:
    path = adapter / "head.safetensors" if adapter.name == "adaption-prompt" else weights_of(adapter)

    def change(tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name in tensors if "score" in name and name.endswith("weight"))
        tensors[name] = tensors[name][:1].repeat(rows, 1)

    edit(path, change)
    assert_refused(command, adapter, "shape")


# ------------------------------------------------------------------------------------------------------ another base


def _other_base(folder: Path, **changes: Any) -> Path:
    config = tiny_config("gpt2")
    for name, value in changes.items():
        setattr(config, name, value)
    torch.manual_seed(5)
    language_model("gpt2", config).save_pretrained(folder)
    tokenizer_for("gpt2").save_pretrained(folder)
    return folder


def _name_base(adapter: Path, base: Path, digest: str | None) -> None:
    manifest = json.loads((adapter / "lightune.json").read_text())["base"]
    edit_json(adapter / "lightune.json", base={**manifest, "location": str(base), "digest": digest})
    if (adapter / "adapter_config.json").exists():
        edit_json(adapter / "adapter_config.json", base_model_name_or_path=str(base))


def test_a_base_of_another_width(command: Callable[..., Any], adapter: Path, tmp_path: Path) -> None:
    _name_base(adapter, _other_base(tmp_path / "wide", n_embd=64), None)
    assert_refused(command, adapter)


def test_a_base_of_fewer_blocks(command: Callable[..., Any], adapter: Path, tmp_path: Path) -> None:
    _name_base(adapter, _other_base(tmp_path / "short", n_layer=1), None)
    assert_refused(command, adapter)


def test_a_base_of_another_architecture(command: Callable[..., Any], adapter: Path, tmp_path: Path) -> None:
    _name_base(adapter, save_language_model(tmp_path / "bert", "bert"), None)
    assert_refused(command, adapter)


def test_a_base_of_the_same_shape_with_other_weights(
    command: Callable[..., Any], adapter: Path, tmp_path: Path
) -> None:
    digest = json.loads((adapter / "lightune.json").read_text())["base"]["digest"]
    _name_base(adapter, _other_base(tmp_path / "twin"), digest)
    assert_refused(command, adapter, "SHA-256")


# ----------------------------------------------------------------------------------------------- its configuration


@pytest.fixture(params=[method for method in METHODS if method != "bitfit"])
def of_peft(request: pytest.FixtureRequest, trained: dict[str, Path], tmp_path: Path) -> Path:
    """One that peft has, to be changed."""
    return Path(shutil.copytree(trained[request.param], tmp_path / request.param))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"words"', "{}", "\x00\xff\xfe"])
def test_a_configuration_that_is_damaged(command: Callable[..., Any], of_peft: Path, text: str) -> None:
    (of_peft / "adapter_config.json").write_bytes(text.encode("latin-1"))
    assert_refused(command, of_peft, "adapter_config.json")


@pytest.mark.parametrize("kind", ["NO_SUCH_METHOD", 3, None, ["LORA"], "LOHA"])
def test_a_configuration_of_another_method(command: Callable[..., Any], of_peft: Path, kind: object) -> None:
    edit_json(of_peft / "adapter_config.json", peft_type=kind)
    assert_refused(command, of_peft)


def test_a_configuration_that_names_another_base(command: Callable[..., Any], of_peft: Path, tmp_path: Path) -> None:
    """lightune.json names the right one, but stock peft would take the other."""
    other = _other_base(tmp_path / "twin")
    edit_json(of_peft / "adapter_config.json", base_model_name_or_path=str(other))
    assert_refused(command, of_peft, str(other), "adapter_config.json")


def test_a_configuration_that_is_gone(command: Callable[..., Any], of_peft: Path) -> None:
    (of_peft / "adapter_config.json").unlink()
    assert_refused(command, of_peft, "adapter_config.json")


# ------------------------------------------------------------------------------------------------- what others made


@pytest.fixture
def stock(tiny_gpt2: Path, tmp_path: Path) -> Path:
    """An adapter that stock peft saved."""
    with quiet_transformers():
        base = AutoModelForSequenceClassification.from_pretrained(str(tiny_gpt2), num_labels=2, pad_token_id=0)
    config = peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["c_attn"], fan_in_fan_out=True)
    peft.get_peft_model(base, config).save_pretrained(str(tmp_path / "stock"))
    return tmp_path / "stock"


@pytest.mark.parametrize("kind", ["bert", "llama", "t5"])
def test_a_stock_adapter_of_another_architecture(
    command: Callable[..., Any], stock: Path, tmp_path: Path, kind: str
) -> None:
    base = save_language_model(tmp_path / "base", kind)
    edit_json(stock / "adapter_config.json", base_model_name_or_path=str(base))
    assert_refused(command, stock, "Name the base model it was trained on")


def test_a_stock_adapter_of_another_width(command: Callable[..., Any], stock: Path, tmp_path: Path) -> None:
    edit_json(stock / "adapter_config.json", base_model_name_or_path=str(_other_base(tmp_path / "wide", n_embd=64)))
    assert_refused(command, stock, "shape")


@pytest.mark.parametrize("base", [None, "", "/nowhere/at/all", 3])
def test_a_stock_adapter_that_names_no_base(command: Callable[..., Any], stock: Path, base: object) -> None:
    edit_json(stock / "adapter_config.json", base_model_name_or_path=base)
    assert_refused(command, stock, "base")


@pytest.mark.parametrize("change", [_half, _put(float("nan")), dict.clear, _add, _reshape])
def test_a_stock_adapter_whose_tensors_are_not_those(
    command: Callable[..., Any], stock: Path, change: Callable[[Any], object]
) -> None:
    edit(stock / "adapter_model.safetensors", change)
    assert_refused(command, stock)


@pytest.mark.parametrize("name", ["weight", "odd.weight", "score.weight"])
def test_a_stock_adapter_with_a_number_for_a_head(command: Callable[..., Any], stock: Path, name: str) -> None:
    save_file({name: torch.tensor(1.0)}, stock / "adapter_model.safetensors")
    assert_refused(command, stock)
