"""`lightune study --plan` and `--estimate`: what they print, in a narrow terminal too, and that they write nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lightune.study import estimate_study
from lightune.study.estimating.rehearsal import rehearse
from tests.study.shared import unchanged, write_reviews


@pytest.fixture
def asked(tiny_gpt2: Path, tmp_path: Path) -> list[str]:
    data = write_reviews(tmp_path / "reviews", 30, 10)
    return [
        *("study", "--model", str(tiny_gpt2), "--data", str(data), "--arms", "majority,lora", "--max-steps", "2"),
        *("--out", str(tmp_path / "out")),
    ]


@pytest.fixture
def table(command: Callable, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Ask for what is told before a study runs: a table of 80 columns, and nothing written."""

    def told(flag: str) -> str:
        monkeypatch.setenv("COLUMNS", "80")
        with unchanged(tmp_path):
            said = command(*asked, flag)
        assert said.code == 0, said.err
        assert max(len(line) for line in said.out.splitlines()) <= 80
        assert not (tmp_path / "out").exists()
        return said.out

    return told


@pytest.mark.full
def test_a_plan_is_a_table_with_reasons(table: Callable) -> None:
    found = table("--plan")
    for word in ("lora", "threads", "micro-batch", "GB free", "bfloat16", "--frozen-dropout"):
        assert word in found
    assert "majority" not in found


@pytest.mark.full
def test_a_plan_as_json(command: Callable, asked: list[str], tmp_path: Path) -> None:
    said = command(*asked, "--plan", "--json")
    line = json.loads(said.out)
    assert line["event"] == "plan"
    (arm,) = line["plan"]["arms"]
    assert arm["plan"]["micro_tokens"] > 0
    assert set(arm["plan"]["reasons"]) == {"threads", "packed", "onednn", "laid_out", "micro_tokens", "checkpointing"}


def test_a_study_that_trains_nothing_has_nothing_to_plan(command: Callable, asked: list[str]) -> None:
    asked[asked.index("majority,lora")] = "majority,tfidf"
    said = command(*asked, "--plan")
    assert said.code == 0
    assert "nothing to plan" in said.out


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rehearsals happen in this process."""
    monkeypatch.setattr("lightune.study.estimate_study", partial(estimate_study, rehearse=rehearse))


@pytest.mark.usefixtures("here")
@pytest.mark.full
def test_an_estimate_is_a_table_with_its_sum(table: Callable) -> None:
    found = table("--estimate")
    for word in ("majority", "lora", "fit", "predict", "memory", "In all", "GiB free", "stops early"):
        assert word in found


@pytest.mark.usefixtures("here")
@pytest.mark.full
def test_an_estimate_as_json(command: Callable, asked: list[str]) -> None:
    said = command(*asked, "--estimate", "--json")
    line = json.loads(said.out)
    assert line["event"] == "estimate"
    majority, lora = line["estimate"]["arms"]
    assert lora["run"]["peak_memory_bytes"] > 0
    assert majority["runs"] == 1


@pytest.mark.full
@pytest.mark.usefixtures("here")
def test_a_model_that_does_not_fit_is_said(
    command: Callable, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightune.study.chosen.available_memory_bytes", lambda: 10_000)
    said = command(*asked, "--estimate")
    assert said.code == 1
    assert "lora: The model does not fit" in said.out


def test_one_of_them_at_a_time(command: Callable, asked: list[str]) -> None:
    said = command(*asked, "--plan", "--estimate")
    assert said.code == 2
    assert "--plan, --estimate" in said.err
