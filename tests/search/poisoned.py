"""Workers that die of some trials: `python -m tests.search.poisoned FOLDER`, or an actor of a cluster."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from lightune.search import worker
from lightune.search.on_ray import RemoteTrainings
from lightune.search.spec import Outcome, Work

# Trial 0 kills the first who comes to its second rung.
ONCE = (0, 1)


def poison(folder: Path, always: int | None) -> None:
    """Have trainings in this process die of these, and write down each work that ended. folder: of the search. always:
    the trial that kills whoever is at it."""
    from lightune.search.training import Trainings

    stock = Trainings.attempt

    def attempt(self: Trainings, work: Work) -> Outcome:
        flag = folder / "died-once"
        if work.number == always or ((work.number, work.rung) == ONCE and not flag.exists()):
            if work.number != always:
                flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = stock(self, work)
        with (folder / "done.jsonl").open("a") as done:
            done.write(json.dumps([work.number, work.rung, os.getpid()]) + "\n")
        return outcome

    Trainings.attempt = attempt  # type: ignore[method-assign]


class PoisonedRemote(RemoteTrainings):
    """The same on a cluster."""

    def begin(self) -> dict[str, Any]:
        poison(self._folder.parent, None)
        return super().begin()


if __name__ == "__main__":
    poison(Path(sys.argv[1]).parent, 1)
    sys.exit(worker.main(sys.argv[1:]))
