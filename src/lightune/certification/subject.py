"""What a certificate is about: an artefact, loaded, its texts, and the answers that it must give again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.artifacts import ADAPTER, MODEL, Artifact
from lightune.certification.texts import CheckedTexts
from lightune.compute import ModelScorer
from lightune.exports.checking import in_proportion
from lightune.fresh import fresh_processes
from lightune.methods import is_adapter
from lightune.records import FAIL, NOT_APPLICABLE, PASS, Check
from lightune.runtime import pick_device

TOLERANCES = {"float32": 1e-5, "bfloat16": 5e-2}
# A probe's or a prompt's logits are sums of the model's rounded states, many times over.
DERIVED_TOLERANCE = 1e-3
ANSWERS = "answers.npy"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """What a fresh process answered for one job. labels: the names that its logits stand for, where the format keeps
    any. error: what it raised instead."""

    logits: Floats | None = None
    labels: tuple[str, ...] | None = None
    error: str | None = None


@dataclass(frozen=True)
class Subject:
    """folder: where the artefact lies. reference: logits [texts, labels] to be given again, in memory when it was made;
    None where nobody kept them. loaded: the logits of the artefact from disk, in batches; each: the same, each text
    alone. scratch: a folder."""

    folder: Path
    artifact: Artifact
    checked: CheckedTexts
    reference: Floats | None
    loaded: Floats
    each: Floats
    stock_route: str | None
    scratch: Path

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts."""
        return self.checked.texts

    @property
    def scorer(self) -> ModelScorer | None:
        """The transformers classifier behind it; None where there is none."""
        return self.artifact.scorer if isinstance(self.artifact.scorer, ModelScorer) else None

    @property
    def tolerance(self) -> float:
        """The largest difference in logits that passes."""
        usual = TOLERANCES[pick_device().precision]
        return usual if self.scorer is not None else max(usual, DERIVED_TOLERANCE)

    @property
    def kind(self) -> str:
        """Its kind, as a manifest names it; of what others have made, too."""
        manifest = self.artifact.manifest
        return manifest.kind if manifest is not None else ADAPTER if is_adapter(self.folder) else MODEL

    @property
    def filled(self) -> list[int]:
        """Places of the texts that have a token of their own: stock pipelines have no answer for an empty one."""
        return [at for at, text in enumerate(self.texts) if text.strip()]

    def ask(self, jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, Heard]:
        """Have one fresh process do `jobs`: tasks of `tasks` by name, with their arguments. Raises RunError where the
        process breaks down."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            paths = {name: Path(folder) / name for name in jobs}
            asked = {}
            for name, arguments in jobs.items():
                paths[name].mkdir()
                files = {own: _as_file(paths[name] / own, value) for own, value in arguments.items()}
                asked[name] = {**files, "answers": str(paths[name] / ANSWERS)}
            said = fresh_processes().call("lightune.certification.tasks:answer_all", jobs=asked)
            return {name: _heard(said[name], paths[name] / ANSWERS) for name in jobs}

    def compare(self, name: str, compared: str, one: Floats, other: Floats, tolerance: float | None = None) -> Check:
        """Make the line for two sets of logits. The tolerance is of the largest logit where that is above 1: float32
        rounds in proportion."""
        tolerance = in_proportion(self.tolerance if tolerance is None else tolerance, self.loaded)
        if one.shape != other.shape:
            reason = (
                f"{one.shape[0]} texts and {one.shape[1]} labels on one side, {other.shape[0]} and {other.shape[1]}"
            )
            return Check(name, compared, FAIL, None, tolerance, f"{reason} on the other")
        difference = float(np.abs(one - other).max())
        if difference <= tolerance:
            return Check(name, compared, PASS, difference, tolerance)
        return Check(name, compared, FAIL, difference, tolerance, f"logits differ by {difference:.2g}")


def broken(name: str, compared: str, error: str) -> Check:
    """Make the line of something that cannot even be loaded."""
    return Check(name, compared, FAIL, reason=f"it cannot be loaded there: {error.rstrip('.')}")


def inapplicable(name: str, compared: str, reason: str) -> Check:
    """Make the line of a check that does not apply."""
    return Check(name, compared, NOT_APPLICABLE, reason=reason)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lightune-") as folder:
        yield Path(folder)


def _heard(said: Mapping[str, Any], answers: Path) -> Heard:
    if "error" in said:
        return Heard(error=str(said["error"]))
    labels = said["labels"]
    return Heard(np.load(answers, allow_pickle=False), None if labels is None else tuple(labels))


def _as_file(path: Path, value: Any) -> Any:
    """Lists go through a file, all else as it is."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)
