from __future__ import annotations

import json
import os

import pytest

import lightune.report
from lightune.errors import InputError
from lightune.records import dumps, to_json
from lightune.report import load_result, render_html, render_markdown, write_report

from . import factory, studies

pytestmark = pytest.mark.full


def test_the_public_names():
    assert lightune.report.__all__ == ["load_result", "render_html", "render_markdown", "write_report"]


def test_both_files_are_written_and_nothing_else(tmp_path):
    result = factory.study()
    write_report(result, factory.texts(result), tmp_path / "new" / "study")
    folder = tmp_path / "new" / "study"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.md"]
    html = (folder / "report.html").read_text(encoding="utf-8")
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert html == render_html(result, factory.texts(result))
    assert markdown == render_markdown(result, factory.texts(result))


def test_a_write_that_breaks_off_leaves_the_old_report(tmp_path, monkeypatch):
    for name in ("report.html", "report.md"):
        (tmp_path / name).write_text("old")

    def broken(*_):
        raise OSError("no room")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no room"):
        write_report(factory.study(), {}, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "report.html": "old",
        "report.md": "old",
    }


def test_a_text_with_half_a_surrogate_pair_can_be_written(tmp_path):
    result = factory.study()
    write_report(result, factory.texts(result, "odd \ud83d text"), tmp_path)
    assert "odd \ufffd text" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("make", [factory.study, factory.with_splits, studies.whole])
def test_a_report_from_disk_is_the_same(tmp_path, make):
    result = make()
    (tmp_path / "results.json").write_text(dumps(result), encoding="utf-8")
    again = load_result(tmp_path)
    assert render_html(again, {}) == render_html(result, {})
    assert render_markdown(again, {}) == render_markdown(result, {})


def test_no_results(tmp_path):
    with pytest.raises(InputError, match=r"holds no results\.json"):
        load_result(tmp_path)
    with pytest.raises(InputError, match=r"holds no results\.json"):
        load_result(tmp_path / "absent")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[]", "not a study's result"),
        (b"{}", "not a study's result"),
        (b'{"schema_version": 99}', "has schema_version 99, this lightune reads 1"),
        (b'{"schema_version": 1}', "is damaged or was edited"),
    ],
)
def test_results_that_are_none(tmp_path, content, told):
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(InputError, match=told):
        load_result(tmp_path)


@pytest.mark.parametrize("field", ["arms", "comparisons", "data"])
@pytest.mark.parametrize("value", [5, [5], {"a": 1}, None, "x"])
def test_results_with_a_wrong_part(tmp_path, field, value):
    content = {**to_json(factory.study()), field: value}
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="damaged or was edited"):
        load_result(tmp_path)
