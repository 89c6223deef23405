"""The searched methods as arms of the study that measures the winner, in the folder of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lightune.config import config_from_yaml, config_to_yaml
from lightune.errors import ConfigError
from lightune.records import RunKey
from lightune.study import StudyFolder
from lightune.study.runs import read_record
from lightune.whole import write_whole


@dataclass(frozen=True)
class StudyArm:
    """Where the winner is an arm. methods: those that are searched over. rows: how many are trained on."""

    folder: StudyFolder
    methods: Sequence[str]
    rows: int
    seed: int

    def check_open(self) -> None:
        """Raise ConfigError where it is trained already: more trials could find another winner."""
        for arm in self.methods:
            if self._is_trained(arm):
                raise ConfigError(
                    f"--out {self.folder.root}: its arm {arm!r} is trained already, by what fewer trials or none have "
                    "found. Name another folder for this search."
                )

    def take_place(self, winner: str) -> None:
        """Put `winner` where the study has another of the methods, which fewer trials have found and nobody has
        trained: a study keeps its arms, and would train that one with the winner's settings."""
        if not self.folder.config.exists():
            return
        before = config_from_yaml(self.folder.config.read_text(encoding="utf-8"))
        if winner in before.arms:
            return
        passed = [arm for arm in before.arms if arm in self.methods and not self._is_trained(arm)]
        if passed:
            arms = dict.fromkeys(winner if arm in passed else arm for arm in before.arms)
            write_whole(self.folder.config, config_to_yaml(replace(before, arms=tuple(arms))))

    def _is_trained(self, arm: str) -> bool:
        record = read_record(self.folder.run(RunKey(arm, self.rows, self.seed)))
        return record is not None and record.status == "done"
