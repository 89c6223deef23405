"""How runs on a cluster end, which are tried again, and what a check leaves; no cluster is needed for that."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lightune.clusters import Ended, Needs, Node, Task
from lightune.config import StudyConfig
from lightune.errors import ConfigError
from lightune.records import RunKey, RunRecord, dumps
from lightune.study import on_node, on_ray
from lightune.study.checkpoints import CHECKPOINTS
from lightune.study.folder import StudyFolder
from lightune.study.identity import check_same_study
from lightune.study.runs import RunSpec, read_record
from lightune.training import PLAN

NEEDS = Needs(2, 0, 0)


class Tasks:
    """Tasks whose ends a test decides."""

    def __init__(self) -> None:
        self.submitted: list[Task] = []
        self.places: dict[Task, str] = {}
        self.heard: list[tuple[Task, object]] = []
        self.ends: list[Ended] = []

    def __len__(self) -> int:
        return 0

    def submit(self, task: Task) -> None:
        self.submitted.append(task)

    def stop(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        pass

    def step(self, seconds: float) -> tuple[list[tuple[Task, object]], list[Ended]]:
        heard, ends, self.heard, self.ends = self.heard, self.ends, [], []
        return heard, ends

    def begins(self, task: Task, node: str) -> None:
        self.places[task] = node
        self.heard.append((task, None))


class Study:
    """Runs under way, and what is told of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tasks = Tasks()
        self.begun: list[str] = []
        self.said: list[str] = []
        self.under_way = on_ray._UnderWay(self.tasks, self.begin)

    def begin(self, spec: RunSpec):
        self.begun.append(spec.key.arm)
        return lambda phase, done, total, facts: self.said.append(facts.get("said", phase))

    def submit(self, arm: str) -> Task:
        key = RunKey(arm, 4, 0)
        folder = self.folder / arm
        folder.mkdir()
        self.under_way.submit(RunSpec(StudyConfig(), arm, key, "print", "", str(folder), None, ""), NEEDS)
        return self.tasks.submitted[-1]

    def end(self, task: Task, **how: object) -> list[RunRecord]:
        self.tasks.ends.append(Ended(task, **how))
        return list(self.under_way.step())


def done(task: Task) -> RunRecord:
    return RunRecord(task.arguments[0].key, "done", None, (0,), "print")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_a_run_that_is_done_is_told_once(study):
    task = study.submit("a")
    study.tasks.begins(task, "one")
    study.tasks.heard.append((task, ("train", 1, 2, {})))
    assert study.end(task, value=done(task)) == [done(task)]
    assert (study.begun, study.said) == (["a"], ["train"])


def test_one_whose_process_is_lost_is_tried_elsewhere_and_then_has_failed(study):
    study.submit("a")
    for attempt in range(3):
        task = study.tasks.submitted[-1]
        assert task.attempt == attempt
        study.tasks.begins(task, f"node {attempt}")
        records = study.end(task, lost="WorkerCrashedError: gone")
        if attempt < 2:
            assert records == []
            assert study.tasks.submitted[-1].avoid == f"node {attempt}"
    (record,) = records
    assert record.status == "failed"
    assert "lost 3 times" in (record.reason or "")
    assert "WorkerCrashedError: gone" in (record.reason or "")
    assert read_record(study.folder / "a") == record
    assert study.begun == ["a"]
    assert len(study.said) == 2


def test_one_that_was_done_before_its_process_was_lost_is_done(study):
    task = study.submit("a")
    (study.folder / "a" / "record.json").write_text(dumps(done(task)))
    assert study.end(task, lost="NodeDiedError") == [done(task)]
    other = study.submit("b")
    (study.folder / "b" / "record.json").write_text(dumps(replace(done(other), fingerprint="another")))
    assert study.end(other, lost="NodeDiedError") == []


def test_one_that_raises_has_failed_at_once_unless_it_does_not_see_its_files(study):
    task = study.submit("a")
    (record,) = study.end(task, fault=ValueError("no\nluck"))
    assert record.reason == "ValueError: no luck"
    task = study.submit("b")
    assert study.end(task, fault=on_node.Unseen("host does not see it")) == []
    assert study.tasks.submitted[-1].attempt == 1


def test_one_that_the_cluster_ends_for_memory_goes_on_with_less(study, monkeypatch):
    asked = []

    def halved(spec, said, progress):
        asked.append(said)
        return replace(spec, halvings=1)

    monkeypatch.setattr(on_ray, "halved", halved)
    task = study.submit("a")
    training = study.folder / "a" / CHECKPOINTS
    training.mkdir()
    (training / PLAN).write_text("{}")
    assert study.end(task, lost="OutOfMemoryError", memory=True) == []
    assert study.tasks.submitted[-1].arguments[0].halvings == 1
    assert "ran out of memory" in asked[0]


def test_one_that_the_cluster_ends_for_memory_outside_training_is_tried_elsewhere(study):
    study.submit("a")
    for attempt in range(3):
        task = study.tasks.submitted[-1]
        study.tasks.begins(task, f"node {attempt}")
        records = study.end(task, lost="OutOfMemoryError: too much", memory=True)
        if attempt < 2:
            assert records == []
            assert read_record(study.folder / "a") is None
            assert study.tasks.submitted[-1].avoid == f"node {attempt}"
            assert study.tasks.submitted[-1].arguments[0].halvings == 0
    (record,) = records
    assert record.status == "failed"
    assert "lost 3 times, the last time so: OutOfMemoryError: too much" in (record.reason or "")


def test_what_became_wanting_after_the_check_is_begun_with_what_its_arm_needs(tmp_path, monkeypatch):
    tasks = Tasks()
    monkeypatch.setattr(on_ray, "Tasks", lambda ray: tasks)
    monkeypatch.setattr(on_ray, "nodes", lambda ray: (Node("a", "a", 4, 0, 10**12),))
    monkeypatch.setattr(on_ray, "check_disk", lambda *_: None)
    monkeypatch.setattr(on_ray, "run_bytes", lambda config, splits, arm, on_gpu: len(arm))
    config = StudyConfig(arms=("majority", "tfidf"))
    fleet = on_ray.RayFleet(None)
    fleet.check(StudyFolder(tmp_path), config, SimpleNamespace(train=range(4)), [])
    spec = RunSpec(config, "tfidf", RunKey("tfidf", 4, 0), "print", "", str(tmp_path), None, "")
    assert list(fleet.records([spec], lambda spec: lambda *_: None)) == []
    assert [task.needs for task in tasks.submitted] == [Needs(2, 0, len("tfidf"))]


def left_by_a_killed_check(folder: Path, age: float) -> Path:
    left = folder / f".cluster-0123abcd.token.{2**22 + 1}.1.partial"  # no process has that number
    left.touch()
    os.utime(left, (time.time() - age,) * 2)
    return left


def test_a_check_that_was_killed_does_not_spoil_its_folder(tmp_path):
    folder = StudyFolder(tmp_path)
    left_by_a_killed_check(tmp_path, 0)
    check_same_study(folder, StudyConfig())
    (tmp_path / "somebody's").touch()
    with pytest.raises(ConfigError, match='it holds "somebody\'s"'):
        check_same_study(folder, StudyConfig())


@pytest.mark.parametrize(("age", "stays"), [(60.0, True), (on_ray.STALE_SECONDS + 60, False)])
def test_a_check_removes_what_old_ones_have_left_above(tmp_path, age, stays):
    left = left_by_a_killed_check(tmp_path, age)
    with on_ray._token(tmp_path / "not" / "there") as names:
        assert left.exists() == stays
        assert Path(names[0]).parent == tmp_path
    assert list(tmp_path.iterdir()) == ([left] if stays else [])


def test_who_ran_beside_others_says_so(study):
    one, other, third, last = (study.submit(arm) for arm in "abcd")
    study.tasks.begins(one, "x")
    study.tasks.begins(third, "y")
    list(study.under_way.step())
    study.tasks.begins(other, "x")
    noted = {
        record.key.arm: record.notes for task in (one, other, third) for record in study.end(task, value=done(task))
    }
    assert noted["c"] == ()
    for arm in "ab":
        assert noted[arm][0].startswith("It ran beside other runs on the same machine, with 2 CPUs of its own")
        assert read_record(study.folder / arm).notes == noted[arm]
    study.tasks.begins(last, "x")  # alone there by now
    (record,) = study.end(last, value=done(last))
    assert record.notes == ()
