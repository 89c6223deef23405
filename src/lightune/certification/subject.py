"""What a certificate is about: an artefact, loaded, its texts, and the answers that it must give again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightune.artifacts import Artifact
from lightune.certification.texts import CheckedTexts
from lightune.compute import ModelScorer
from lightune.fresh import fresh_processes
from lightune.records import FAIL, NOT_APPLICABLE, PASS, Check
from lightune.runtime import pick_device

TOLERANCES = {"float32": 1e-5, "bfloat16": 5e-2}
# A probe's or a prompt's logits are sums of the model's rounded states, many times over.
DERIVED_TOLERANCE = 1e-3
Floats = NDArray[np.float64]


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

    def ask(self, task: str, **arguments: Any) -> Floats:
        """Have a fresh process answer; `task` is the name of a function of `tasks`. Raises RunError."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            answers = Path(folder) / "answers.npy"
            files = {name: _as_file(Path(folder) / name, value) for name, value in arguments.items()}
            fresh_processes().call(f"lightune.certification.tasks:{task}", **files, answers=str(answers))
            found: Floats = np.load(answers, allow_pickle=False)
        return found

    def compare(self, name: str, compared: str, one: Floats, other: Floats, tolerance: float | None = None) -> Check:
        """Make the line for two sets of logits."""
        tolerance = self.tolerance if tolerance is None else tolerance
        difference = float(np.abs(one - other).max()) if one.shape == other.shape else float("nan")
        if difference <= tolerance:
            return Check(name, compared, PASS, difference, tolerance)
        return Check(name, compared, FAIL, difference, tolerance, f"logits differ by {difference:.2g}")


def inapplicable(name: str, compared: str, reason: str) -> Check:
    """Make the line of a check that does not apply."""
    return Check(name, compared, NOT_APPLICABLE, reason=reason)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lightune-") as folder:
        yield Path(folder)


def _as_file(path: Path, value: Any) -> Any:
    """Lists go through a file, all else as it is."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return value
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)
