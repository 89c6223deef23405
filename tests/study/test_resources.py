"""What a study needs of the machine is looked at before any work, and only what surely does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lightune import disk
from lightune.config import TrainingConfig
from lightune.disk import check_writable
from lightune.errors import ConfigError, MachineError
from lightune.models import find_model, weight_bytes
from lightune.study import resources, run_study
from tests.study.shared import never, quick_config, write_reviews


@pytest.fixture
def config(tiny_gpt2, tmp_path):
    return quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 30, 10), arms=("majority", "lora", "full"))


class Reached(Exception):
    """The first run was about to start."""


def start(spec: object, progress: object) -> None:
    raise Reached


def heard(config, out: Path) -> list[str]:
    """The notices of a study up to its first run."""
    said = []
    with pytest.raises(Reached):
        run_study(config, out, lambda event: event.kind == "notice" and said.append(event.phase), start)
    return said


def free(monkeypatch, memory: int, swap: int = 0) -> None:
    monkeypatch.setattr(resources, "available_memory_bytes", lambda: memory)
    monkeypatch.setattr(resources, "swap_bytes", lambda: swap)


def test_where_there_is_plenty_nothing_is_said(config, tmp_path, monkeypatch):
    free(monkeypatch, 10**11)
    assert heard(config, tmp_path / "out") == []


@pytest.mark.full
def test_weights_that_do_not_fit_are_refused_before_anything_is_written(config, tmp_path, monkeypatch):
    weights = weight_bytes(find_model(config.model.source).config, 2)
    free(monkeypatch, 3 * weights)
    with pytest.raises(MachineError, match=r"--arms full: it does not fit into memory.*GB are free.*smaller --model"):
        run_study(config, tmp_path / "out", executor=never)
    assert not (tmp_path / "out").exists()
    # What swap has room for is slow, and not refused; nor is an arm that holds less.
    free(monkeypatch, 3 * weights, weights)
    assert len(heard(config, tmp_path / "out")) == 1
    free(monkeypatch, 3 * weights)
    assert len(heard(replace(config, arms=("lora",)), tmp_path / "lora")) == 1


def test_what_may_not_fit_is_said_with_the_figures(config, tmp_path, monkeypatch):
    free(monkeypatch, resources.LIBRARIES_BYTES)
    (said,) = heard(config, tmp_path / "out")
    assert said.startswith("full may not fit into memory: 0.5 GB")
    assert "0.5 GB are free" in said
    assert "--max-length" in said
    free(monkeypatch, 0)
    assert heard(replace(config, arms=("majority",)), tmp_path / "majority") == []


@pytest.mark.full
def test_room_for_checkpoints_and_artefacts_is_counted(config, tmp_path, monkeypatch):
    weights = weight_bytes(find_model(config.model.source).config, 2)
    usage = disk.shutil._ntuple_diskusage(10**9, 0, 5 * weights)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    config = replace(config, training=TrainingConfig(max_steps=4, evaluations=2))
    with pytest.raises(MachineError, match=rf"--out {tmp_path / 'out'}: at least .* artefacts of full .* are free"):
        run_study(config, tmp_path / "out", executor=never)
    assert not (tmp_path / "out").exists()
    heard(replace(config, training=TrainingConfig(max_steps=4, evaluations=1)), tmp_path / "out")
    heard(replace(config, arms=("lora",)), tmp_path / "lora")


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(config, tmp_path, monkeypatch):
    def read_only(**_):
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(disk.tempfile, "TemporaryFile", read_only)
        with pytest.raises(ConfigError, match=r"--out .*nothing can be written in .*Read-only file system"):
            run_study(config, tmp_path / "out", executor=never)
        # Without the look the study begins, and finds out when it writes.
        patch.setattr(resources, "check_writable", lambda *_: None)
        heard(config, tmp_path / "out")
    check_writable("--out", tmp_path / "out")


def test_no_place_for_temporary_files_is_said(config, tmp_path, monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(resources.tempfile, "gettempdir", none)
    with pytest.raises(ConfigError, match="TMPDIR: "):
        run_study(config, tmp_path / "out", executor=never)


def test_what_is_not_saved_needs_no_room(config, tmp_path, monkeypatch):
    """Of a learning curve only the run on all rows is."""
    free(monkeypatch, 10**11)
    asked = []
    monkeypatch.setattr(resources, "check_room", lambda option, folder, needs, parts: asked.append(needs))
    weights = weight_bytes(find_model(config.model.source).config, 2)
    config = replace(config, arms=("full",))
    heard(config, tmp_path / "one")
    heard(replace(config, curve=replace(config.curve, sizes=(8, 16))), tmp_path / "curve")
    assert asked[1] - asked[0] < weights
