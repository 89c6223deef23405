"""What a run made, saved, loaded again and compared: what is kept answers as what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lightune.errors import RunError
from lightune.progress import Progress
from lightune.records import Rows
from lightune.runtime import pick_device

if TYPE_CHECKING:
    from lightune.arms.base import Fitted

CHECKED_ROWS = 64
TOLERANCES = {"float32": 1e-5, "bfloat16": 5e-2}


@dataclass(frozen=True)
class Saved:
    """What became of an artefact. difference: None where nothing was saved that can be loaded again."""

    route: str | None = None
    size: int = 0
    difference: float | None = None


def save_and_reload(folder: Path, fitted: Fitted, test: Rows, temperature: float | None, progress: Progress) -> Saved:
    """Save the artefact, load it again, and compare its answers. What answers differently is removed."""
    from lightune.artifacts import folder_bytes, is_artifact, remove_artifact

    progress("save", 0, 1, {})
    route = fitted.save(folder, temperature)
    if not is_artifact(folder):
        return Saved(route)
    try:
        difference = _reload(folder, fitted, test)
    except BaseException:
        remove_artifact(folder)
        raise
    return Saved(route, folder_bytes(folder), difference)


def _reload(artifact: Path, fitted: Fitted, rows: Rows) -> float:
    """Largest difference between the logits of the artefact, loaded again, and those in memory. Raises RunError."""
    from lightune.inference import load

    texts = checked_texts(rows)
    difference = float(np.abs(load(artifact).logits(texts) - fitted.logits(texts)).max())
    tolerance = TOLERANCES[pick_device().precision]
    if not difference <= tolerance:
        raise RunError(
            f"The saved artefact, loaded again, answers differently: its logits differ by {difference:.2g} where at "
            f"most {tolerance:.0e} is allowed, so it is not to be trusted."
        )
    return difference


def checked_texts(rows: Rows) -> list[str]:
    """Return real texts to compare answers on: the longest, the shortest, an empty one, and others spread over the
    rows."""
    order = np.argsort([len(text) for text in rows.texts], kind="stable")
    spread = np.linspace(0, len(rows) - 1, num=min(CHECKED_ROWS - 3, len(rows)), dtype=np.int64)
    chosen = dict.fromkeys([int(order[-1]), int(order[0]), *spread.tolist()])
    return ["", *(rows.texts[at] for at in chosen)]
