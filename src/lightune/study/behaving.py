"""Behaviour checks of a study's arms: the saved artefacts are asked, since they are what will be used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightune.arrays import keep_arrays, kept_arrays
from lightune.behaviour import judge, load_suite, texts, why_not
from lightune.config import NONE, StudyConfig
from lightune.errors import LightuneError
from lightune.records import Behaviour, RunRecord, Splits
from lightune.study.answered import Answered
from lightune.study.folder import StudyFolder

ANSWERS = "behaviour.arrays"


def check_behaviour(
    folder: StudyFolder, answered: Sequence[Answered], splits: Splits, config: StudyConfig
) -> Behaviour | None:
    """Ask every arm that has an artefact; None where no checks were wanted. What is left out says why."""
    asked = config.analysis.behaviour
    if asked == NONE:
        return None
    suite = load_suite(Path(asked) if asked is not None else None)
    reason = why_not(suite, splits.label_names, splits.test.texts)
    if reason is not None:
        return Behaviour(suite.name, left_out=reason)
    wanted = texts(suite)
    answers: dict[str, NDArray[np.float64]] = {}
    left_out = {}
    for arm in answered:
        if not arm.records:
            continue
        try:
            answers[arm.name] = _answers(folder, arm.records[0], config, wanted)
        except LightuneError as error:
            left_out[arm.name] = str(error)
        except Exception as error:
            # Whatever an arm or a library raises over a text must not cost the study its results.
            left_out[arm.name] = f"It could not be asked ({type(error).__name__}: {error})."
    return Behaviour(suite.name, judge(suite, answers, splits.label_names) if answers else (), None, left_out)


def _answers(folder: StudyFolder, record: RunRecord, config: StudyConfig, wanted: Sequence[str]) -> NDArray[np.float64]:
    """Probabilities [texts, labels] of an arm's artefact, kept beside its run for the next time."""
    key = hashlib.sha256(json.dumps([record.fingerprint, list(wanted)]).encode()).hexdigest()
    path = folder.run(record.key) / ANSWERS
    kept = kept_arrays(path, key)
    if kept is not None:
        return kept["probabilities"]
    # Here, since they load torch: a study that is done already needs neither.
    from lightune.inference import load
    from lightune.models import quiet_transformers

    artifact = folder.artifact(record.key, config.seed)
    if record.reload_difference is None:
        raise LightuneError("It saved nothing that could be asked about new texts.")
    with quiet_transformers():
        found = load(artifact).probabilities(wanted)
    keep_arrays(path, key, {"probabilities": found})
    return found
