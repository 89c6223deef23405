"""`lightune study --plan`: what it prints, in a narrow terminal too, and that it writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.study.shared import unchanged, write_reviews


@pytest.fixture
def asked(tiny_gpt2: Path, tmp_path: Path) -> list[str]:
    data = write_reviews(tmp_path / "reviews", 30, 10)
    return [
        *("study", "--model", str(tiny_gpt2), "--data", str(data), "--arms", "majority,lora", "--max-steps", "2"),
        *("--out", str(tmp_path / "out")),
    ]


def test_a_plan_is_a_table_with_reasons(
    command: Callable, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with unchanged(tmp_path):
        said = command(*asked, "--plan")
    assert said.code == 0, said.err
    assert max(len(line) for line in said.out.splitlines()) <= 80
    assert not (tmp_path / "out").exists()
    for word in ("lora", "threads", "micro-batch", "GB free", "bfloat16", "--frozen-dropout"):
        assert word in said.out
    assert "majority" not in said.out


def test_a_plan_as_json(command: Callable, asked: list[str], tmp_path: Path) -> None:
    said = command(*asked, "--plan", "--json")
    line = json.loads(said.out)
    assert line["event"] == "plan"
    (arm,) = line["plan"]["arms"]
    assert arm["plan"]["micro_tokens"] > 0
    assert set(arm["plan"]["reasons"]) == {"threads", "packed", "onednn", "micro_tokens", "checkpointing"}


def test_a_study_that_trains_nothing_has_nothing_to_plan(command: Callable, asked: list[str]) -> None:
    asked[asked.index("majority,lora")] = "majority,tfidf"
    said = command(*asked, "--plan")
    assert said.code == 0
    assert "nothing to plan" in said.out
