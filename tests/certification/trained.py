"""Arms trained for a few steps through the real thing, saved, with what was seen of them in memory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lightune.arms import make_arm
from lightune.arms.base import ArmContext
from lightune.certification import CheckedTexts, certify, choose_texts
from lightune.certification.subject import Floats
from lightune.config import ModelConfig, StudyConfig, TrainingConfig
from lightune.models import quiet_transformers
from lightune.progress import silent
from lightune.records import FAIL, Certificate, Check, Observed
from lightune.study.keeping import encoder_of
from tests.fixtures.bases import save_lively_model
from tests.fixtures.reviews import as_rows, make_reviews

NAMES = ("bad", "good")
TRAIN, HELD_OUT, TEST = (as_rows(make_reviews(rows, seed)) for rows, seed in ((48, 0), (12, 1), (70, 2)))
TRAINING = TrainingConfig(max_steps=4, learning_rate=2e-2, evaluations=1)


@dataclass(frozen=True)
class Made:
    """A saved arm. Its folder is for looking only: `copy` it to change it."""

    folder: Path
    base: Path
    checked: CheckedTexts
    reference: Floats
    observed: Observed | None
    route: str | None
    fitted: Any

    def copy(self, to: Path) -> Made:
        return replace(self, folder=Path(shutil.copytree(self.folder, to)))

    def certify(self, **changes: Any) -> Certificate:
        values = {"reference": self.reference, "observed": self.observed, "stock_route": self.route, **changes}
        return certify(self.folder, self.checked, **values)


@cache
def base_model(root: Path, kind: str) -> Path:
    """A tiny base whose every token sways the answer."""
    return save_lively_model(root / "bases" / kind, kind)


def learn(arm: str, base: Path, folder: Path, **training: Any) -> Made:
    """Fit an arm on the base for a few steps, and save it in `folder`/saved."""
    config = StudyConfig(model=ModelConfig(str(base)), arms=(arm,), training=replace(TRAINING, **training))
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    context = ArmContext(arm, config, NAMES, None, "f" * 64, 0, len(TRAIN), scratch, scratch / "cache", silent)
    with quiet_transformers():
        fitted = make_arm(context).fit(TRAIN, HELD_OUT)
        return keep(fitted, base, folder / "saved")


def keep(fitted: Any, base: Path, folder: Path) -> Made:
    """Save a fitted arm as a study does."""
    checked = choose_texts(TEST, encoder_of(fitted))
    reference = np.asarray(fitted.logits(checked.texts))
    route = fitted.save(folder, 1.0)
    return Made(folder, base, checked, reference, fitted.facts.observed, route, fitted)


def line(certificate: Certificate, name: str) -> Check:
    """The line of this name."""
    return next(check for check in certificate.checks if check.name == name)


def failed(certificate: Certificate) -> set[str]:
    """The names of the lines that fail."""
    return {check.name for check in certificate.checks if check.outcome == FAIL}
