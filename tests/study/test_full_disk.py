"""A disk that fills up while a study runs: told with path and space, and the same call goes on."""

from __future__ import annotations

import errno
from contextlib import nullcontext

import pytest

from lightune.arms.majority import MajorityArm
from lightune.errors import MachineError
from lightune.study import in_process, run_study
from lightune.study import runs as runs_module
from lightune.study import study as study_module
from tests.study.shared import quick_config, write_reviews


@pytest.fixture
def config(tiny_gpt2, tmp_path):
    return quick_config(tiny_gpt2, write_reviews(tmp_path / "reviews", 30, 10), arms=("majority",))


def full(path, text):
    """There is room for half of it."""
    path.with_name(f".{path.name}.partial").write_text(text[: len(text) // 2])
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


@pytest.mark.full
def test_results_that_find_no_room_end_the_study_with_a_sentence_and_are_written_next_time(
    config, tmp_path, monkeypatch
):
    out = tmp_path / "out"

    def results_only(path, text):
        (full if path.name == "results.json" else runs_module.write_whole)(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(study_module, "write_whole", results_only)
        with pytest.raises(MachineError, match=rf"{out} cannot be written: No space left.*are free.*same command"):
            run_study(config, out, executor=in_process)
        assert not (out / "results.json").exists()
        # Without the guard a bare error of the system comes out.
        patch.setattr(study_module, "told_of_the_disk", lambda _: nullcontext())
        with pytest.raises(OSError, match="No space left"):
            run_study(config, out, executor=in_process)
    kept = []
    result = run_study(config, out, lambda event: kept.append(event.kind), in_process)
    assert "kept" in kept
    assert result.arms[0].status == "done"


@pytest.mark.full
def test_a_run_that_finds_no_room_for_its_record_either_says_so_and_is_done_next_time(config, tmp_path, monkeypatch):
    def no_room(self, train, validation):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")

    with monkeypatch.context() as patch:
        patch.setattr(MajorityArm, "fit", no_room)
        patch.setattr(runs_module, "write_whole", full)
        (arm,) = run_study(config, tmp_path / "out", executor=in_process).arms
    assert arm.status == "failed"
    assert "cannot be written: the disk takes no more" in arm.reason
    assert str(tmp_path) in arm.reason
    assert run_study(config, tmp_path / "out", executor=in_process).arms[0].status == "done"
