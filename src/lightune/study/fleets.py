"""All the runs that a study has to do: one after the other on this machine, or as another fleet does them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lightune.config import StudyConfig
from lightune.progress import Progress
from lightune.records import RunRecord, Splits
from lightune.study.executors import Executor
from lightune.study.folder import StudyFolder
from lightune.study.plan import PlannedRun
from lightune.study.resources import check_machine
from lightune.study.runs import RunSpec

# Told when a run begins; how it goes is then told to what it returns.
Begin = Callable[[RunSpec], Progress]


class Fleet(Protocol):
    """Does many runs."""

    def check(
        self, folder: StudyFolder, config: StudyConfig, splits: Splits, runs: Sequence[PlannedRun]
    ) -> Sequence[str]:
        """Look whether what `runs`, those not done yet, need is there; before anything is written.

        Raises InputError and MachineError for what surely is not. Returns sentences for people.
        """
        ...

    def records(self, specs: Sequence[RunSpec], begin: Begin) -> Generator[RunRecord]:
        """Do the runs and give their records, failed or done, as each one ends, in any order; never raises for what
        happens inside a run. Told to close while runs are going on, it has them save and leave."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """What results say of where the runs ran, beside the facts about this machine; plain JSON, no names."""
        ...


@dataclass(frozen=True)
class OneByOne:
    """One run after the other, each by `executor`, in the order given."""

    executor: Executor

    def check(
        self, folder: StudyFolder, config: StudyConfig, splits: Splits, runs: Sequence[PlannedRun]
    ) -> Sequence[str]:
        """Look at this machine."""
        return check_machine(folder, config, splits, runs)

    def records(self, specs: Sequence[RunSpec], begin: Begin) -> Generator[RunRecord]:
        """Do them in turn."""
        for spec in specs:
            yield self.executor(spec, begin(spec))

    def facts(self) -> Mapping[str, Any]:
        """Nothing beside this machine."""
        return {}
