"""Which of the searched methods are arms of the study in the search's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightune.config import StudyConfig, config_from_yaml, config_to_yaml
from lightune.errors import ConfigError
from lightune.records import RunKey, RunRecord, dumps
from lightune.search.study_arm import StudyArm
from lightune.study import StudyFolder
from lightune.study.runs import RECORD


def studied(folder: Path, *arms: str) -> StudyArm:
    """A study in `folder` that was cut off before it had trained anything, and a search over three methods."""
    (folder / "config.yaml").write_text(config_to_yaml(StudyConfig(arms=arms)), encoding="utf-8")
    return StudyArm(StudyFolder(folder), ("lora", "dora", "ia3"), 10, 0)


def record(arm: StudyArm, name: str, status: str) -> None:
    key = RunKey(name, arm.rows, arm.seed)
    arm.folder.run(key).mkdir(parents=True)
    told = RunRecord(key, status, None if status == "done" else "why", (0,), "f" * 64)
    (arm.folder.run(key) / RECORD).write_text(dumps(told), encoding="utf-8")


def arms_of(arm: StudyArm) -> tuple[str, ...]:
    return config_from_yaml(arm.folder.config.read_text(encoding="utf-8")).arms


def test_an_earlier_winner_that_was_not_trained_gives_its_place_to_the_new_one(tmp_path: Path) -> None:
    arm = studied(tmp_path, "majority", "lora", "tfidf")
    record(arm, "lora", "failed")
    arm.check_open()
    arm.take_place("ia3")
    assert arms_of(arm) == ("majority", "ia3", "tfidf")
    arm.take_place("ia3")
    assert arms_of(arm) == ("majority", "ia3", "tfidf")


def test_what_is_trained_stays_and_ends_the_search(tmp_path: Path) -> None:
    arm = studied(tmp_path, "majority", "lora")
    record(arm, "lora", "done")
    with pytest.raises(ConfigError, match=r"its arm 'lora' is trained already, .* Name another folder"):
        arm.check_open()
    arm.take_place("ia3")
    assert arms_of(arm) == ("majority", "lora")


def test_a_study_that_has_the_winner_is_left_as_it_is(tmp_path: Path) -> None:
    arm = studied(tmp_path, "ia3", "dora")
    arm.take_place("ia3")
    assert arms_of(arm) == ("ia3", "dora")
    arm.folder.config.unlink()
    arm.take_place("ia3")
    assert not arm.folder.config.exists()
