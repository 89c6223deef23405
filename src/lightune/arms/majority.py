"""Arm `majority`: always the commonest label of the training rows. What any other arm has to beat."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.fitted_scorer import FittedScorer, make_manifest
from lightune.artifacts import MAJORITY, save_majority_artifact
from lightune.compute import Constant
from lightune.records import Rows


class MajorityArm:
    """Answers with the labels' shares among the training rows."""

    def __init__(self, context: ArmContext) -> None:
        self.context = context

    def fit(self, train: Rows, validation: Rows) -> FittedMajority:  # noqa: ARG002
        """Count the labels."""
        start = time.perf_counter()
        counts = np.bincount(train.labels, minlength=len(self.context.label_names))
        facts = FitFacts(
            fit_seconds=time.perf_counter() - start,
            trainable_parameters=len(counts),
            total_parameters=len(counts),
            rows=len(train),
        )
        return FittedMajority(self.context, Constant(counts / counts.sum()), facts)


class FittedMajority(FittedScorer):
    """The labels' shares."""

    scorer: Constant

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save the shares."""
        manifest = make_manifest(self.context, MAJORITY, temperature=temperature)
        save_majority_artifact(folder, self.scorer.shares, manifest)
        return "none: it is no model of transformers or peft"
