"""The package that docs/own-arm.md writes is an arm: found by its entry point, measured, saved, loaded again."""

import re
import sys
import tomllib

import pytest

import lightune
from lightune.arms import arm_kind
from lightune.study import in_process, run_study
from tests.docs.blocks import ROOT, blocks
from tests.study.shared import quick_config, write_reviews

DOCUMENT = "docs/own-arm.md"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The document's package as an installer would leave it; gives its name and the arm's."""
    (module,) = [block.code for block in blocks(DOCUMENT) if block.language == "python"]
    told = re.search(r"^```toml\n(.*?)^```$", (ROOT / DOCUMENT).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    project = tomllib.loads(told[1])["project"]
    ((arm, place),) = project["entry-points"]["lightune.arms"].items()
    site = tmp_path / "site"
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    name = place.partition(":")[0]
    (site / f"{name}.py").write_text(module, encoding="utf-8")
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[lightune.arms]\n{arm} = {place}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    yield arm
    sys.modules.pop(name, None)


@pytest.mark.full
def test_it_is_measured_saved_and_used(package, tiny_gpt2, tmp_path):
    assert arm_kind(package).summary == "naive Bayes on word counts"
    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "data", 60, 40), arms=("majority", package))
    result = run_study(config, tmp_path / "out", executor=in_process)
    _, own = result.arms
    assert (own.status, own.reason) == ("done", None)
    assert own.reload_difference == 0
    assert own.validation_use == "nothing"
    assert own.metrics["accuracy"].value > 0.9
    assert (result.verdict.kind, result.verdict.subject) == ("won", package)
    classifier = lightune.load(tmp_path / "out" / "arms" / package)
    assert classifier.arm == package
    assert [answer.label for answer in classifier.predict(["awful and dull", "lovely and warm"])] == ["bad", "good"]
