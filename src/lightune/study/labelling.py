"""`--label-next`: unlabelled texts ranked by what labelling them would teach, by the study's best arm."""

from __future__ import annotations

from pathlib import Path

from lightune.config import StudyConfig
from lightune.data import read_table
from lightune.errors import LightuneError
from lightune.records import ArmResult, RunKey, StudyResult
from lightune.study.findings import best_arm
from lightune.study.folder import StudyFolder


def rank_for_labelling(folder: StudyFolder, result: StudyResult, config: StudyConfig, file: str) -> str:
    """Rank the texts of `file` into the study's folder; say where, or why not: the study's results stand either way.

    The best arm, by accuracy, of those whose artefact can be loaded says how sure it is of each text.
    """
    # Here, since they load torch.
    from lightune.inference import label_next, load
    from lightune.models import quiet_transformers

    saved = {arm.name: _artifact(folder, arm, config.seed) for arm in result.arms if arm.reload_difference is not None}
    best = best_arm(result, [name for name in saved if name != "majority"])
    if best is None:
        return "The unlabelled texts were not ranked: no arm was saved that could be asked about them."
    target = folder.label_next(Path(file).suffix.lower())
    try:
        with quiet_transformers():
            column = text_column_of(file, config.data.text_column)
            rows = label_next(load(saved[best]), Path(file).expanduser(), target, column)
    except LightuneError as error:
        return f"The unlabelled texts were not ranked: {error}"
    return f"What to label next, {rows:,} texts as {best} sees them: {target}"


def text_column_of(file: str, name: str | None) -> str | None:
    """The study's own text column where the file has one of this name, else None: it is found."""
    return name if name is not None and name in read_table(file).columns else None


def _artifact(folder: StudyFolder, arm: ArmResult, first_seed: int) -> Path:
    """Where the first run that is done was saved."""
    first = arm.seeds[0]
    return folder.artifact(RunKey(arm.name, first.train_size, first.seed), first_seed)
