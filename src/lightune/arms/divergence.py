"""What is left of a training that diverged: the model as it was at its best before."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.fitted_model import FittedModel
from lightune.errors import Diverged

# In the run's folder.
BEST = "best"
NOTHING_MEASURED = FitFacts(0.0, 0, 0)


def kept_best(error: Diverged, context: ArmContext, fitted: Callable[[], FittedModel]) -> Diverged:
    """Save what `fitted` gives in the run's folder, if it was put back to a look at the validation rows, and return the
    error that says so. It is an artefact like another, but it was not measured and has no certificate."""
    if not context.group.first:
        return error
    if error.best_step is None:
        return Diverged(f"{error} Nothing is kept of it: it had not come to its first look at the validation rows.")
    folder = context.scratch / BEST
    try:
        fitted().save(folder, None)
    except Exception as failed:
        # Whatever fails here, too little memory or room: that the training diverged, and what to try, is what matters.
        drop_best(context.scratch)
        return Diverged(f"{error} Its best could not be kept: {type(failed).__name__}: {failed}")
    return Diverged(
        f"{error} As it was at step {error.best_step}, its best look at the validation rows, it is kept in "
        f"runs/{context.scratch.name}/{BEST}, which `lightune predict` takes."
    )


def drop_best(folder: Path) -> None:
    """Remove what an earlier try of the run in `folder` has left."""
    shutil.rmtree(folder / BEST, ignore_errors=True)
