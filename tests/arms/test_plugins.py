"""Arms of other packages, found by entry point, run and loaded again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import lightune
from lightune.arms import arm_kind
from lightune.config import StudyConfig
from lightune.errors import ConfigError
from lightune.study import in_process, run_study
from tests.study.shared import quick_config, write_reviews

PACKAGE = '''
import json

import numpy as np

from lightune.arms.base import FitFacts, Predicted
from lightune.arms.fitted_scorer import FittedScorer, make_manifest
from lightune.artifacts import PLUGIN, save_artifact
from lightune.compute import Scored


class Longer:
    """Calls long texts good."""

    summary = "long texts are good"
    trained = False

    def __init__(self, context):
        self.context = context

    def fit(self, train, validation):
        middle = float(np.median([len(text) for text in train.texts]))
        facts = FitFacts(0.1, 1, 1, rows=len(train), validation_use="nothing")
        return Fitted(self.context, Scorer(middle), facts)

    @staticmethod
    def load(folder):
        return Scorer(json.loads((folder / "middle.json").read_text()))


class Scorer:
    def __init__(self, middle):
        self.middle = middle

    def score(self, texts, on_rows=None):
        longer = np.array([len(text) - self.middle for text in texts]) / 10
        return Scored(np.stack([-longer, longer], axis=1))


class Fitted(FittedScorer):
    def save(self, folder, temperature):
        def write(scratch):
            (scratch / "middle.json").write_text(json.dumps(self.scorer.middle))

        save_artifact(folder, make_manifest(self.context, PLUGIN, temperature=temperature), write)
        return "none: it counts letters"
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with the arms `longer`, and `broken`, whose module is not there."""
    site = tmp_path / "site"
    info = site / "longer-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "longer_arm.py").write_text(PACKAGE, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: longer\nVersion: 1.0\n", encoding="utf-8")
    points = "[lightune.arms]\nlonger = longer_arm:Longer\nbroken = not_there:Arm\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("longer_arm", None)


@pytest.mark.usefixtures("package")
def test_an_installed_arm_is_one_of_the_arms():
    assert arm_kind("longer").summary == "long texts are good"
    with pytest.raises(ConfigError, match=r"there are majority, .*longer, the other methods"):
        arm_kind("shorter")


@pytest.mark.usefixtures("package")
def test_a_package_that_cannot_be_imported_is_named():
    with pytest.raises(ConfigError, match=r"--arms broken: the arm of longer .* cannot be loaded"):
        arm_kind("broken")


@pytest.mark.usefixtures("package")
@pytest.mark.full
def test_an_installed_arm_is_measured_saved_and_used(tiny_gpt2, tmp_path):
    config: StudyConfig = quick_config(tiny_gpt2, write_reviews(tmp_path / "data", 40, 20), arms=("longer",))
    result = run_study(config, tmp_path / "out", executor=in_process)
    assert result.arms[0].status == "done", result.arms[0].reason
    assert result.arms[0].reload_difference == 0
    saved = Path(tmp_path / "out" / "arms" / "longer")
    assert json.loads((saved / "lightune.json").read_text())["kind"] == "plugin"
    assert lightune.load(saved).predict(["x" * 1000])[0].label == "good"
