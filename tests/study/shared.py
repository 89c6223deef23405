"""One small study, done once a session in this process, for all tests that look at what a study leaves."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lightune.config import NONE, AnalysisConfig, DataConfig, LoraConfig, ModelConfig, StudyConfig, TrainingConfig
from lightune.records import StudyResult
from lightune.study import Executor, in_process, run_study
from tests.fixtures.reviews import make_reviews, write_csv

QUICK = TrainingConfig(max_steps=3, evaluations=1)
LABELS = ("001", "1", "NA")


@dataclass(frozen=True)
class Finished:
    """A study that is done. Its folder is for looking only: change a copy."""

    config: StudyConfig
    result: StudyResult
    folder: Path

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.folder, to))


def done_by(executor: Executor) -> Callable[..., StudyResult]:
    """`run_study` as the command calls it, by this executor whatever was asked for."""
    return lambda config, out, on_event, _: run_study(config, out, on_event, executor)


def write_reviews(folder: Path, train: int = 120, test: int = 60) -> Path:
    """A folder with train.csv and test.csv: easy reviews with the labels `bad` and `good`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "train.csv", make_reviews(train))
    write_csv(folder / "test.csv", make_reviews(test, seed=1))
    return folder


def quick_config(model: Path, data: Path, **changes: Any) -> StudyConfig:
    """A study of `pretrained` alone, or whatever `changes` makes of it, with trainings of three steps and without
    behaviour checks."""
    config = StudyConfig(
        ModelConfig(str(model)), DataConfig(str(data)), ("pretrained",), QUICK, analysis=AnalysisConfig(behaviour=NONE)
    )
    return replace(config, **changes)


def snapshot(folder: Path) -> dict[str, str]:
    """Every file below `folder` with the hash of what it holds; the lock, which holds nothing, left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def never(spec: object, progress: object) -> Any:
    """An executor that must not be called."""
    raise AssertionError(f"a run was started: {spec}")


@contextlib.contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Check that nothing below `folder` is written, changed or taken away."""
    before = snapshot(folder)
    yield
    assert snapshot(folder) == before


@cache
def _two_labels(base: Path, model: Path) -> Finished:
    training = TrainingConfig(max_steps=80, learning_rate=1e-2, evaluations=4)
    config = quick_config(model, write_reviews(base / "reviews"), arms=("pretrained", "lora"), training=training)
    return Finished(config, run_study(config, base / "two", executor=in_process), base / "two")


@cache
def _three_labels(base: Path, model: Path) -> Finished:
    rows = [(f"{text} <{at}>", LABELS[at % 3]) for at, (text, _) in enumerate(make_reviews(90))]
    data = write_csv(base / "three.csv", rows, ("review", "stars"))
    config = quick_config(model, data, arms=("lora", "pretrained"), lora=LoraConfig(rank=2))
    return Finished(config, run_study(config, base / "three", executor=in_process), base / "three")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_gpt2: Path) -> Finished:
    """`pretrained` and `lora`, trained well, on train.csv and test.csv with two labels."""
    base = tmp_path_factory.getbasetemp() / "studies"
    base.mkdir(exist_ok=True)
    return _two_labels(base, tiny_gpt2)


@pytest.fixture(scope="session")
def three_labels(tmp_path_factory: pytest.TempPathFactory, tiny_gpt2: Path) -> Finished:
    """`lora` (hardly trained) and `pretrained` on one file, whose labels are "001", "1" and "NA"."""
    base = tmp_path_factory.getbasetemp() / "studies"
    base.mkdir(exist_ok=True)
    return _three_labels(base, tiny_gpt2)
