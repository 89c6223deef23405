"""What a process that trains trials is told, and what it answers. It is told of no test row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cattrs

from lightune.config import StudyConfig
from lightune.data import load_rows, save_rows
from lightune.errors import ConfigError
from lightune.progress import Progress
from lightune.records import Rows, Splits, to_json
from lightune.search.trial import Value
from lightune.version import VERSION
from lightune.whole import write_whole

if TYPE_CHECKING:
    from lightune.search.training import Trainings

SPEC, TRAIN, VALIDATION = "spec.json", "train.parquet", "validation.parquet"


@dataclass(frozen=True)
class TrialsSpec:
    """All that training a trial takes beside its values: plain data, paths as text.

    scratch: where trials keep their checkpoints. cache: what several trainings compute alike. pruned: by halving.
    digest: of the weights of a model that is a folder. version: of lightune.
    """

    config: StudyConfig
    label_names: tuple[str, ...]
    positive_label: str | None
    fingerprint: str
    train_size: int
    scratch: str
    cache: str
    pruned: bool
    digest: str | None = None
    version: str = VERSION


@dataclass(frozen=True)
class Facts:
    """Of all trials. rate: the learning rate of a training without a search. rungs: steps at which trials are
    compared. selected_by: the metric on validation."""

    rate: float
    rungs: tuple[int, ...]
    selected_by: str


@dataclass(frozen=True)
class Work:
    """Train the trial `number`, of these values, up to the rung."""

    number: int
    values: Mapping[str, Value]
    rung: int


@dataclass(frozen=True)
class Outcome:
    """What came of some work. score: the best look up to there, NaN where it diverged; None where it failed, for
    `reason`. seconds: what it took. died: the process that was at it is gone."""

    number: int
    score: float | None
    seconds: float = 0.0
    reason: str | None = None
    died: bool = False


def hand_over(folder: Path, spec: TrialsSpec, splits: Splits) -> None:
    """Write spec, training and validation rows into `folder`, for processes that read them there."""
    folder.mkdir(parents=True, exist_ok=True)
    save_rows(splits.train, folder / TRAIN)
    save_rows(splits.validation, folder / VALIDATION)
    write_whole(folder / SPEC, json.dumps(to_json(spec)))


def taken_over(folder: Path, progress: Progress) -> Trainings:
    """Make what trains trials by what `hand_over` has written. Raises InputError for a model that cannot be loaded, and
    where lightune or the model's weights are others here than where that was written."""
    values = json.loads((folder / SPEC).read_text(encoding="utf-8"))
    if values.get("version") != VERSION:  # of which nothing else can be read for sure
        raise ConfigError(f"lightune {values.get('version')} is expected, as the search has it, and this is {VERSION}.")
    spec: TrialsSpec = cattrs.structure(values, TrialsSpec)
    _check_weights(spec)
    return made(spec, load_rows(folder / TRAIN), load_rows(folder / VALIDATION), progress)


def _check_weights(spec: TrialsSpec) -> None:
    from lightune.models import find_model, weights_digest

    source = spec.config.model.source
    if spec.digest is not None and weights_digest(find_model(source)) != spec.digest:
        raise ConfigError(f"--model {source}: the weights that the search has are expected, and these are others.")


def made(spec: TrialsSpec, train: Rows, validation: Rows, progress: Progress) -> Trainings:
    """What trains trials; it is handed the training and the validation rows alone."""
    # Here, since it loads torch and the model.
    from lightune.arms.base import ArmContext
    from lightune.search.training import Trainings

    context = ArmContext(
        spec=spec.config.arms[0],
        config=spec.config,
        label_names=spec.label_names,
        positive_label=spec.positive_label,
        data_fingerprint=spec.fingerprint,
        seed=spec.config.seed,
        train_size=spec.train_size,
        scratch=Path(spec.scratch),
        cache=Path(spec.cache),
        progress=progress,
    )
    return Trainings(context, train, validation, spec.pruned)


def work_of(values: Mapping[str, Any]) -> Work:
    """Read what `asdict` made of it, through JSON."""
    return Work(int(values["number"]), dict(values["values"]), int(values["rung"]))


def facts_of(values: Mapping[str, Any]) -> Facts:
    """Read what `asdict` made of them, through JSON."""
    return cattrs.structure(values, Facts)
