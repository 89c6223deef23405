"""Checkpoints on disk: whole or not there, each byte vouched for, and the previous one serves where one is harmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lightune.training import checkpoints as module
from lightune.training.checkpoints import MANIFEST, Checkpoints

FILES = ("one.bin", "two.json")


def fill(folder: Path) -> None:
    for at, name in enumerate(FILES):
        (folder / name).write_bytes(bytes(range(at, at + 200)))


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    """Three written, of which the first is the best."""
    made = Checkpoints(tmp_path)
    for step in (2, 4, 6):
        made.write(step, 2, fill)
    return made


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def flip(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "flipped": flip,
}


def test_the_newest_serves_and_the_two_newest_and_the_best_are_kept(kept, tmp_path):
    found = Checkpoints(tmp_path).newest()
    assert (found.folder, found.notes) == (tmp_path / "checkpoint-6", ())
    kept.write(8, 8, fill)
    kept.write(10, 8, fill)
    assert names(tmp_path) == {"checkpoint-8", "checkpoint-10"}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_broken_newest_is_named_and_the_previous_one_serves(kept, tmp_path, name, damage):
    DAMAGE[damage](tmp_path / "checkpoint-6" / name)
    found = Checkpoints(tmp_path).newest()
    assert found.folder == tmp_path / "checkpoint-4"
    (note,) = found.notes
    assert note.startswith("Checkpoint-6 is broken (")
    assert name in note or (name, damage) == (MANIFEST, "flipped")  # it then speaks of a file that it does not fit
    assert note.endswith(" and is passed over; the training goes on from checkpoint-4.")


def test_a_flip_is_found_by_the_digest_alone(kept, tmp_path, monkeypatch):
    flip(tmp_path / "checkpoint-6" / "one.bin")
    monkeypatch.setattr(module, "_check", lambda *_: None)
    assert Checkpoints(tmp_path).newest().folder == tmp_path / "checkpoint-6"


@pytest.mark.full
def test_every_bit_of_a_manifest_counts(kept, tmp_path):
    path = tmp_path / "checkpoint-6" / MANIFEST
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = Checkpoints(tmp_path).newest()
        assert found.folder == tmp_path / "checkpoint-4", whole[at : at + 20]
        assert found.notes


def test_an_unknown_file_breaks_a_checkpoint(kept, tmp_path):
    (tmp_path / "checkpoint-6" / "training_args.bin").write_bytes(b"a pickle")
    found = Checkpoints(tmp_path).newest()
    assert found.folder == tmp_path / "checkpoint-4"
    assert "training_args.bin is unknown" in found.notes[0]


def test_a_link_to_the_same_bytes_is_no_file_of_its_own(kept, tmp_path):
    path = tmp_path / "checkpoint-6" / "one.bin"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert "one.bin is no file" in Checkpoints(tmp_path).newest().notes[0]


def test_a_checkpoint_whose_best_is_broken_cannot_serve(kept, tmp_path):
    kept.write(8, 8, fill)
    kept.write(10, 8, fill)
    assert names(tmp_path) == {"checkpoint-8", "checkpoint-10"}
    flip(tmp_path / "checkpoint-8" / "one.bin")
    found = Checkpoints(tmp_path).newest()
    assert found.folder is None
    assert len(found.notes) == 2
    assert all(note.endswith("and is passed over; the training begins anew.") for note in found.notes)


def test_the_previous_ones_best_is_kept_until_it_is_no_longer_needed(kept, tmp_path):
    kept.write(8, 8, fill)  # a new best: checkpoint-6 would still need the old one
    assert names(tmp_path) == {"checkpoint-2", "checkpoint-6", "checkpoint-8"}
    flip(tmp_path / "checkpoint-8" / "one.bin")
    assert Checkpoints(tmp_path).newest().folder == tmp_path / "checkpoint-6"


def test_what_was_newer_than_the_one_that_served_goes_only_when_a_new_one_is_whole(kept, tmp_path):
    flip(tmp_path / "checkpoint-6" / "one.bin")
    again = Checkpoints(tmp_path)
    again.newest()

    def trip(_: Path) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        again.write(5, 2, trip)
    assert Checkpoints(tmp_path).newest().folder == tmp_path / "checkpoint-4"
    again.write(5, 2, fill)
    assert names(tmp_path) == {"checkpoint-2", "checkpoint-4", "checkpoint-5"}


def test_the_same_step_again_takes_the_old_ones_place(kept, tmp_path):
    flip(tmp_path / "checkpoint-6" / "one.bin")
    again = Checkpoints(tmp_path)
    again.newest()
    again.write(6, 2, fill)
    assert Checkpoints(tmp_path).newest().folder == tmp_path / "checkpoint-6"
    assert names(tmp_path) == {"checkpoint-2", "checkpoint-4", "checkpoint-6"}


def test_the_manifest_is_written_last_and_nothing_takes_its_name_unsynced(tmp_path, monkeypatch):
    did: list[str] = []
    sync, folder, rename = module.sync, module.sync_folder, module.os.rename
    monkeypatch.setattr(module, "sync", lambda path: did.append(f"sync {path.name}") or sync(path))
    monkeypatch.setattr(module, "sync_folder", lambda path: did.append(f"sync {path.name}") or folder(path))
    monkeypatch.setattr(
        module.os, "rename", lambda old, new: did.append(f"rename {Path(new).name}") or rename(old, new)
    )
    Checkpoints(tmp_path).write(2, None, fill)
    files = [f"sync {name}" for name in (*FILES, MANIFEST)]
    assert did == [*files, "sync .checkpoint-2.partial", "rename checkpoint-2", f"sync {tmp_path.name}"]
    assert set(json.loads((tmp_path / "checkpoint-2" / MANIFEST).read_text())["files"]) == set(FILES)
