"""An artefact's folder is checked, and its manifest's values are."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from soak.batch_artefacts import save_bag

import lightune
from lightune.artifacts import ADAPTER, MODEL, BaseModel, loading, read_manifest
from lightune.errors import ModelError
from tests.artifacts.helpers import save_adapted
from tests.fixtures.bases import NAMES


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artefact that counts words."""
    return save_bag(tmp_path_factory.mktemp("untrusted") / "bag")


@pytest.fixture
def bag(saved: Path, tmp_path: Path) -> Path:
    """It, to be changed."""
    return Path(shutil.copytree(saved, tmp_path / "bag"))


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "lightune.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"head": "../head.safetensors"}, "its head is in '../head.safetensors'"),
        ({"label_names": []}, "its labels are 0"),
        ({"label_names": ["a", "a"]}, "its labels are not all different"),
        ({"temperature": 0.0}, "its temperature is 0.0"),
        ({"temperature": float("nan")}, "its temperature is nan"),
        ({"max_length": 0}, "its max_length is 0"),
        ({"kind": "onnx", "settings": {"graph": "../x.onnx"}}, "names the graph '../x.onnx'"),
        ({"kind": "plugin", "arm": "os:system"}, "os:system"),
    ],
    ids=str,
)
def test_a_manifest_with_values_that_no_artefact_has(bag: Path, changes: dict[str, Any], said: str) -> None:
    edit(bag, **changes)
    with pytest.raises(ModelError, match=re.escape(said)):
        lightune.load(bag)


@pytest.mark.parametrize("name", ["lightune.json", "terms.json", "numbers.safetensors"])
def test_files_that_are_links_to_elsewhere(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.move(bag / name, tmp_path / name)
    (bag / name).symlink_to(tmp_path / name)
    with pytest.raises(ModelError, match="outside of its folder"):
        lightune.load(bag)
    # Without the guard it is loaded.
    monkeypatch.setattr(loading, "check_artifact_folder", lambda _: None)
    lightune.load(bag)


def test_a_manifest_vouches_where_it_says_which_weights(bag: Path) -> None:
    manifest = read_manifest(bag)
    assert manifest.vouches
    base = BaseModel("gpt2", "gpt2", None)
    assert not replace(manifest, kind=ADAPTER, base=base).vouches
    assert replace(manifest, kind=ADAPTER, base=replace(base, digest="0" * 64)).vouches
    # The whole model lies in the folder.
    assert replace(manifest, kind=MODEL, base=base).vouches


@pytest.mark.full
def test_an_adapter_of_a_base_with_more_files_beside_it_loads(tiny_gpt2: Path, tmp_path: Path) -> None:
    """As artefacts were saved whose digest is of every safetensors file of the base's folder."""
    base = Path(shutil.copytree(tiny_gpt2, tmp_path / "base"))
    save_adapted(tmp_path / "lora", base, NAMES)
    shutil.copy(base / "model.safetensors", base / "consolidated.safetensors")
    one = hashlib.sha256((base / "model.safetensors").read_bytes()).digest()
    told = json.loads((tmp_path / "lora" / "lightune.json").read_text())["base"]
    edit(tmp_path / "lora", base={**told, "digest": hashlib.sha256(one + one).hexdigest()})
    assert lightune.load(tmp_path / "lora").label_names == NAMES
    edit(tmp_path / "lora", base={**told, "digest": hashlib.sha256(one + one + one).hexdigest()})
    with pytest.raises(ModelError, match="SHA-256"):
        lightune.load(tmp_path / "lora")
