"""Arm `tfidf`: TF-IDF of one- and two-word grams with logistic regression."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.fitted_scorer import FittedScorer, make_manifest
from lightune.arms.logistic import choose_c, fit_logistic
from lightune.artifacts import TFIDF, save_tfidf_artifact
from lightune.compute import BagOfWords, new_vectorizer
from lightune.errors import RunError
from lightune.evaluation import positive_index
from lightune.records import Rows

GRID = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class TfidfArm:
    """Chooses C on validation, then learns from train and validation together."""

    def __init__(self, context: ArmContext) -> None:
        self.context = context

    def fit(self, train: Rows, validation: Rows) -> FittedTfidf:
        """Fit features and C on `train`, then both again on all rows with that C. Raises RunError without any word."""
        context = self.context
        start = time.perf_counter()
        labels = len(context.label_names)
        vectorizer = new_vectorizer()
        try:
            features = vectorizer.fit_transform(train.texts)
        except ValueError as error:  # "empty vocabulary"
            raise RunError(f"TF-IDF finds no word of two letters or more in the training texts ({error}).") from error
        chosen = choose_c(
            (features, train.labels),
            (vectorizer.transform(validation.texts), validation.labels),
            labels,
            GRID,
            context.config.training.select_by,
            positive_index(context.label_names, context.positive_label),
            context.progress,
        )
        everything = new_vectorizer()
        features = everything.fit_transform([*train.texts, *validation.texts])
        linear, converged = fit_logistic(features, np.concatenate([train.labels, validation.labels]), labels, chosen.c)
        bag = BagOfWords(everything, linear)
        notes = [f"C {chosen.c:g}, {features.shape[1]:,} grams."]
        if chosen.at_edge:
            notes.append("The best C stands at an end of those that were tried.")
        if not (converged and chosen.converged):
            notes.append("The regression stopped before it had converged.")
        facts = FitFacts(
            fit_seconds=time.perf_counter() - start,
            trainable_parameters=linear.weight.size + linear.bias.size,
            total_parameters=linear.weight.size + linear.bias.size,
            rows=len(train) + len(validation),
            notes=tuple(notes),
            validation_use=f"chose C by {context.config.training.select_by}, then learned from it too",
            held_out=chosen.held_out,
        )
        return FittedTfidf(context, bag, facts)


class FittedTfidf(FittedScorer):
    """The vocabulary and the weights."""

    scorer: BagOfWords

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save them without a pickle."""
        save_tfidf_artifact(folder, self.scorer, make_manifest(self.context, TFIDF, temperature=temperature))
        return "none: it is no model of transformers or peft"
