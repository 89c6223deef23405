"""What lies where in a study's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lightune.records import SEEDS_FOLDER, RunKey


@dataclass(frozen=True)
class StudyFolder:
    """The paths below `root`. Nothing here touches the disk."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration as YAML."""
        return self.root / "config.yaml"

    @property
    def results(self) -> Path:
        """All records, as JSON."""
        return self.root / "results.json"

    @property
    def lock(self) -> Path:
        """Held by the process that writes here."""
        return self.root / ".lock"

    @property
    def lock_holder(self) -> Path:
        """Which process that is, for people."""
        return self.root / ".lock.holder"

    @property
    def data(self) -> Path:
        """The evaluated texts."""
        return self.root / "data"

    @property
    def work(self) -> Path:
        """What the runs read while the study runs; gone afterwards."""
        return self.root / ".work"

    def label_next(self, suffix: str) -> Path:
        """The unlabelled texts, ranked, as a file of the kind they came in; what cannot be written becomes CSV."""
        return self.root / f"label-next{suffix if suffix in ('.csv', '.tsv', '.jsonl', '.parquet') else '.csv'}"

    def predictions(self, arm: str) -> Path:
        """All predictions of an arm."""
        return self.root / "predictions" / f"{arm}.parquet"

    def run(self, key: RunKey) -> Path:
        """A run's own folder: its record, its predictions, its log, its checkpoints."""
        return self.root / "runs" / key.name

    @property
    def cache(self) -> Path:
        """What several runs compute alike; may be deleted at any time."""
        return self.root / ".cache"

    @property
    def search(self) -> Path:
        """The trials of the search that its settings come from, where there was one."""
        return self.root / "search"

    def artifact(self, key: RunKey, first_seed: int) -> Path:
        """The artefact of a run: the first seed's is the arm's own."""
        arm = self.root / "arms" / key.arm
        return arm if key.seed == first_seed else arm / SEEDS_FOLDER / str(key.seed)
