from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lightune.exports import ExportRecord, Order, export
from lightune.inference import find_artifact
from lightune.report import load_result
from tests.artifacts.helpers import save_adapted
from tests.fixtures.models import save_language_model
from tests.study.shared import finished, three_labels

__all__ = ["bases", "finished", "three_labels"]

from tests.fixtures.bases import bases


@pytest.fixture(scope="session")
def exported(finished, tmp_path_factory):
    """A trained arm of a study in each format, made once, with what was said of it: for looking only."""
    root = tmp_path_factory.mktemp("exported")
    made: dict[str, tuple[Path, ExportRecord]] = {}

    def get(name: str) -> tuple[Path, ExportRecord]:
        if name not in made:
            kind = "adapter" if name == "pair" else name
            order = Order(find_artifact(finished.folder), kind, root / name, name == "pair")
            made[name] = (root / name, export(order, load_result(finished.folder)))
        return made[name]

    return get


@pytest.fixture
def lone(tmp_path):
    """Save an untrained adapter of its own, without a study, on a base of its own; return its folder."""

    def make(names=("bad", "good"), kind="gpt2", **changes) -> Path:
        base = save_language_model(tmp_path / f"base-{kind}", kind)
        save_adapted(tmp_path / "lone", base, names, **changes)
        return tmp_path / "lone"

    return make


@pytest.fixture
def moved(tmp_path):
    """Copy a folder to where nothing of it was made."""
    return lambda folder: Path(shutil.copytree(folder, tmp_path / "elsewhere" / "it"))
