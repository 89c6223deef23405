"""What `lightune compare` prints and writes, and how it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lightune.records import SideBySide, from_json, to_json
from lightune.study import side_by_side
from tests.report.page import Page
from tests.study.shared import unchanged
from tests.study.test_side_by_side import answers, save_study, study

pytestmark = pytest.mark.full


@pytest.fixture
def two(tmp_path):
    """Two studies that share 200 rows, on three of which they disagree; an arm of A failed."""
    part = answers(range(100, 400), skill=2.0)
    labels = part.labels.copy()
    labels[:3] = 1 - labels[:3]
    arms = {"lora": [answers(range(300))], "<b>|full": []}
    a = save_study(tmp_path / "a", arms)
    b = save_study(tmp_path / "b", {"lora": [replace(part, labels=labels)]})
    return a, b


def test_it_says_what_is_shared_what_is_left_out_and_which_is_better(two, command):
    a, b = two
    with unchanged(a), unchanged(b):
        said = command("compare", a, b)
    assert (said.code, said.err) == (0, "")
    assert "A has 300 test rows and B 300; both have 200 of them." in said.out
    assert "3 rows have another true label in B, so they are left out." in said.out
    assert "Row 0064-0 is left out: " in said.out
    assert "The arm <b>|full of A is left out: it failed: It broke." in said.out
    found = side_by_side(a, b)
    for one in found.scores:
        assert (
            f"{100 * one.accuracy.value:.1f} ({100 * one.accuracy.low:.1f}-{100 * one.accuracy.high:.1f})" in said.out
        )
    delta = found.best.comparison.delta_accuracy
    assert found.best.better == "B"
    assert "the best of B (LoRA, " in said.out
    assert f"{100 * delta.value:+.1f} ({100 * delta.low:+.1f} to {100 * delta.high:+.1f})" in said.out


def test_it_fits_80_columns(two, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = command("compare", *two).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


def test_json_is_one_object_with_everything(two, command):
    said = command("compare", *two, "--json")
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)
    found = side_by_side(*two)
    assert json.loads(said.out) == to_json(found)
    assert from_json(SideBySide, json.loads(said.out)).best == found.best


@pytest.mark.parametrize("name", ["page.html", "page.md"])
def test_a_page_has_the_same_facts(two, command, tmp_path, name):
    said = command("compare", *two, "--out", tmp_path / name)
    assert said.code == 0
    assert str(tmp_path / name) in said.out
    page = (tmp_path / name).read_text(encoding="utf-8")
    found = side_by_side(*two)
    for one in found.scores:
        assert f"{100 * one.accuracy.value:.1f} %" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert "B is better" in page
    assert "another true label in B" in page
    assert "<b>|full" not in page
    if name.endswith(".html"):
        assert not Page(page).faults
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", name]
    assert command("compare", *two, "--out", tmp_path / name).code == 0
    assert (tmp_path / name).read_text(encoding="utf-8") == page


def test_a_real_study_beside_itself_differs_in_nothing(finished, command):
    said = command("compare", finished.folder, finished.folder)
    assert (said.code, said.err) == (0, "")
    assert "A and B have the same 60 test rows." in said.out
    assert "cannot be told apart" in said.out
    for arm in finished.result.arms:
        shown = arm.metrics["accuracy"].value
        assert arm.name in said.out
        assert len(arm.seeds) > 1 or f"{100 * shown:.1f} (" in said.out


def test_what_cannot_be_compared_is_code_2_and_a_sentence(two, command, tmp_path):
    apart = study(tmp_path / "apart", range(900, 920), lora=1.0)
    for words, said in (
        ((two[0], tmp_path / "absent"), "does not exist"),
        ((tmp_path, two[0]), "holds no results.json"),
        ((two[0], apart), "share none"),
        ((*two, "--out", tmp_path / "page.pdf"), "ends in .html or .md"),
        ((*two, "--out", tmp_path / "nowhere" / "page.md"), "does not exist; make it first"),
        ((two[0],), "DIR_B"),
    ):
        got = command("compare", *words)
        assert (got.code, got.out) == (2, "")
        assert said in got.err
        assert got.err.startswith("lightune: ")
        assert got.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "apart", "b"]
