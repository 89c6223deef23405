"""The checkpoints in a run's folder: whose they are, and when the next try may go on from them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from lightune.disk import disk_fault
from lightune.errors import Lost, RunError
from lightune.runtime import out_of_memory
from lightune.whole import write_whole

CHECKPOINTS = "checkpoints"


class OwnCheckpoints:
    """While an arm is fitted: it meets no checkpoints in `folder` but those of a run of the same fingerprint, and
    leaves none behind that the next try would trip over. It swallows no exception. say: hears of those that it removes.
    """

    def __init__(self, folder: Path, fingerprint: str, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self.say = say
        self.gone_on = False

    def __enter__(self) -> None:
        """Remove the checkpoints of a run with other settings."""
        mark = self.folder / CHECKPOINTS / "fingerprint"
        # As bytes: a damaged one may be no text.
        if mark.exists() and mark.read_bytes() == self.fingerprint.encode():
            self.gone_on = True
            return
        if any(mark.parent.rglob("checkpoint-*")):
            self.say("The checkpoints here are of other settings or another version, and are removed; it begins anew.")
        drop_checkpoints(self.folder)
        mark.parent.mkdir(parents=True)
        write_whole(mark, self.fingerprint)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._in_the_way(error):
            drop_checkpoints(self.folder)

    def _in_the_way(self, error: BaseException | None) -> bool:
        if error is not None and out_of_memory(error):
            return False  # it goes on from them with smaller micro-batches
        if isinstance(error, Lost):
            return False
        if isinstance(error, RunError):
            return True  # what diverged would diverge again from there
        if isinstance(error, OSError) or not isinstance(error, Exception) or disk_fault(error, self.folder):
            # All went well, it was stopped, or there was no room or no right to write: nothing is wrong with them.
            return False
        # A run that began here keeps its checkpoints for the next try. One that had gone on from them may have tripped
        # over them, and would again: the next starts anew.
        return self.gone_on


def drop_checkpoints(folder: Path) -> None:
    """Remove those of the run in `folder`."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
