"""The card of an export: read by the hub's library, true, and with code that runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

import lightune
from lightune.exports import Order, export
from lightune.exports.card_tables import certificate_text
from lightune.markdown import code, markdown
from lightune.records import FAIL, NOT_APPLICABLE, PASS, Certificate, Check, dumps
from lightune.report import load_result
from tests.docs.blocks import ROOT
from tests.exports.test_merged import WILD

# Each makes and checks whole artefacts.
pytestmark = pytest.mark.full

FORMATS = ("adapter", "pair", "merged", "onnx")


def _card(folder):
    return ModelCard.load(folder / "README.md")


@pytest.mark.parametrize("name", FORMATS)
def test_the_hub_reads_the_figures_of_the_study(exported, finished, name):
    folder, _ = exported(name)
    data = _card(folder).data
    (arm,) = [arm for arm in finished.result.arms if arm.name == "lora"]
    found = {one.metric_type: one.metric_value for one in data.eval_results}
    assert found == pytest.approx({key: arm.metrics[key].value for key in ("accuracy", "f1", "macro_f1")}, abs=1e-6)
    assert {one.dataset_split for one in data.eval_results} == {"test"}
    assert {one.dataset_name for one in data.eval_results} == {"reviews"}
    assert data.pipeline_tag == "text-classification"
    assert data.to_dict()["library_name"] == {"merged": "transformers", "onnx": "onnx"}.get(name, "peft")
    assert data.labels == ["bad", "good"]
    assert {"lightune", "lora"} <= set(data.tags)
    assert data.license is None
    assert data.base_model is None  # a folder of this machine is no name on the hub


@pytest.mark.parametrize("name", FORMATS)
def test_the_card_tells_data_figures_cost_checks_use_and_limits(exported, finished, name):
    folder, record = exported(name)
    text = (folder / "README.md").read_text()
    (arm,) = [arm for arm in finished.result.arms if arm.name == "lora"]
    accuracy = arm.metrics["accuracy"]
    shown = f"{100 * accuracy.value:.1f} ({100 * accuracy.low:.1f}-{100 * accuracy.high:.1f})"
    assert f"| `lora` (this one) | {shown} |" in text
    assert "| `pretrained` |" in text
    assert "| `test` | 60 | `bad` 30, `good` 30 |" in text
    assert f"{arm.cost.trainable_parameters:,} of {arm.cost.total_parameters:,} parameters" in text
    for one in record.checks:
        assert f"| {one.name} |" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        *("## Data", "## Figures", "## Cost", "## What was verified"),
        *("## Intended use", "## Limits", "## Use"),
    ]
    assert "64 tokens" in text
    assert str(finished.folder) not in text
    assert "{{" not in text


@pytest.mark.full
@pytest.mark.parametrize("name", FORMATS)
def test_the_code_of_the_card_runs_as_it_stands(exported, finished, name, moved, tmp_path):
    there = moved(exported(name)[0])
    text = (there / "README.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", block.replace("path/to/this/folder", str(there))],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    answer = lightune.load(finished.folder).predict(["a text"])[0]
    assert answer.label in done.stdout.splitlines()[0]
    figures = [float(found) for found in re.findall(r"\d\.\d+", done.stdout)]
    assert min(abs(figure - answer.score) for figure in figures) < 1e-4


def test_a_base_on_the_hub_is_named_for_the_hub(lone, tmp_path):
    from lightune.artifacts import read_manifest, write_manifest

    folder = lone()
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, base=replace(manifest.base, name="some-lab/base-2.5")))
    export(Order(folder, "adapter", tmp_path / "out"))
    assert _card(tmp_path / "out").data.base_model == "some-lab/base-2.5"
    assert "'some-lab/base-2.5'" in (tmp_path / "out" / "README.md").read_text()


def test_what_is_not_known_is_called_so(lone, tmp_path):
    export(Order(lone(), "merged", tmp_path / "out"))
    text = (tmp_path / "out" / "README.md").read_text()
    assert text.count("Not known: the study that made it is not beside it.") == 2
    assert "none was found beside it" in text
    assert "model-index" not in text
    assert _card(tmp_path / "out").data.eval_results is None


def test_the_results_of_another_study_are_not_taken_for_its_own(lone, finished, tmp_path):
    export(Order(lone(), "merged", tmp_path / "out"), load_result(finished.folder))
    assert _card(tmp_path / "out").data.eval_results is None


@pytest.mark.parametrize("kind", ["adapter", "merged", "onnx"])
def test_names_cannot_leave_their_place(lone, tmp_path, kind):
    export(Order(lone(WILD, arm="<b>*odd*|`x`"), kind, tmp_path / "out"))
    card = _card(tmp_path / "out")
    assert card.data.labels == list(WILD)
    before_use = card.content.partition("## Use")[0].partition("# ")[2]
    assert "<" not in before_use.replace("&lt;", "")
    (labels,) = [line for line in before_use.splitlines() if line.startswith("- Labels, ")]
    assert labels.count("`") == 2 * len(WILD)
    assert card.content.count("\n---\n") == 1


def test_escapes():
    assert code("a`b\nc|d<e", table=True) == "`a'b c¦d‹e`"
    assert code("\u202e \n") == "`(blank)`"
    assert markdown("[x](y) <b> *a* |") == r"\[x\](y) &lt;b&gt; \*a\* \|"


def test_the_certificate_of_the_original_is_told(lone, tmp_path):
    folder = lone()
    checks = (
        Check("reload", "loaded again | beside memory", PASS, 1e-7, 1e-5),
        Check("merge", "merged", NOT_APPLICABLE, reason="it cannot be"),
    )
    certificate = Certificate(1, "0.1.0", "lora", "adapter", "float32", 64, 3, (), checks)
    (folder / "certificate.json").write_text(dumps(certificate))
    export(Order(folder, "merged", tmp_path / "out"))
    text = (tmp_path / "out" / "README.md").read_text()
    assert "Certificate of the original: passed, on 64 texts (3 of them cut) in float32." in text
    assert r"| reload | loaded again \| beside memory | 1e-07 | 1e-05 | pass |" in text
    assert "not applicable: it cannot be" in text
    failed = replace(certificate, checks=(replace(checks[0], outcome=FAIL),))
    assert "FAILED" in certificate_text(failed)
    (folder / "certificate.json").write_text("{")
    export(Order(folder, "merged", tmp_path / "other"))
    assert "Certificate of the original: passed" not in (tmp_path / "other" / "README.md").read_text()


def test_export_json_names_every_file(exported):
    folder, record = exported("onnx")
    value = json.loads((folder / "export.json").read_text())
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert set(value["files"]) == names - {"export.json"}
    assert value["kind"] == record.kind == "onnx"
