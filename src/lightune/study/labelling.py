"""`--label-next`: unlabelled texts ranked by what labelling them would teach, by the study's best arm."""

from __future__ import annotations

from pathlib import Path

from lightune.config import StudyConfig
from lightune.records import StudyResult
from lightune.study.findings import best_arm
from lightune.study.folder import StudyFolder


def rank_for_labelling(folder: StudyFolder, result: StudyResult, config: StudyConfig) -> Path | None:
    """Write the ranking into the study's folder and return its path; None where no saved arm can be asked.

    The best arm, by accuracy, of those whose artefact can be loaded says how sure it is of each text.
    """
    asked = config.analysis.label_next
    names = [arm.name for arm in result.arms if arm.reload_difference is not None and arm.name != "majority"]
    best = best_arm(result, names)
    if asked is None or best is None:
        return None
    # Here, since they load torch.
    from lightune.inference import label_next, load
    from lightune.models import quiet_transformers

    source = Path(asked).expanduser()
    target = folder.label_next(source.suffix.lower())
    with quiet_transformers():
        label_next(load(folder.root / "arms" / best), source, target, None)
    return target
