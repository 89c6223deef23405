"""Arm `probe`: logistic regression on what the frozen model makes of a text. What the model knows before it learns."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from lightune.arms.base import ArmContext, FitFacts
from lightune.arms.fitted_model import load_base
from lightune.arms.fitted_scorer import FittedScorer, make_manifest
from lightune.arms.frozen_trunk import FrozenTrunk
from lightune.arms.logistic import choose_c
from lightune.artifacts import PROBE, save_probe_artifact
from lightune.compute import (
    BFLOAT16,
    Encoder,
    FeatureCache,
    Linear,
    ProbeScorer,
    pooled_features,
    quicken,
    tokenizer_digest,
)
from lightune.evaluation import positive_index
from lightune.models import Classifier, computed_by
from lightune.progress import counting
from lightune.records import Rows
from lightune.runtime import pick_device

GRID = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class ProbeArm:
    """The frozen model's features are computed once for the whole study; C is chosen on validation."""

    def __init__(self, context: ArmContext) -> None:
        self.context = context

    def fit(self, train: Rows, validation: Rows) -> FittedProbe:
        """Pool, standardise by the training rows, fit. The standardisation is folded into the layer."""
        context, pooling = self.context, self.context.config.probe.pooling
        base, encoder = load_base(context)
        quicken(base.model)
        start = time.perf_counter()
        features = _Features(context, base, encoder)
        of_train, of_validation = features.of(train), features.of(validation)
        scaler = StandardScaler().fit(of_train)
        chosen = choose_c(
            (scaler.transform(of_train), train.labels),
            (scaler.transform(of_validation), validation.labels),
            len(context.label_names),
            GRID,
            context.config.training.select_by,
            positive_index(context.label_names, context.positive_label),
            context.progress,
        )
        weight = chosen.linear.weight / scaler.scale_
        linear = Linear(weight, chosen.linear.bias - weight @ scaler.mean_)
        scorer = ProbeScorer(base.model, encoder, pooling, linear)
        total = sum(parameter.numel() for parameter in base.model.base_model.parameters())
        notes = [f"C {chosen.c:g} on {weight.shape[1]:,} features, pooled by {pooling}."]
        if chosen.at_edge:
            notes.append("The best C stands at an end of those that were tried.")
        if features.cached:
            notes.append(f"{features.cached:,} rows had their features from an earlier run: the time leaves those out.")
        notes += features.trunk.notes
        facts = FitFacts(
            fit_seconds=time.perf_counter() - start + features.spared - features.waited,
            trainable_parameters=linear.weight.size + linear.bias.size,
            total_parameters=total + linear.weight.size + linear.bias.size,
            tokens=features.tokens,
            rows=len(train),
            notes=tuple(notes),
            validation_use=f"chose C by {context.config.training.select_by}",
        )
        return FittedProbe(context, scorer, facts, base)


class FittedProbe(FittedScorer):
    """The layer on the frozen base."""

    scorer: ProbeScorer

    def __init__(self, context: ArmContext, scorer: ProbeScorer, facts: FitFacts, base: Classifier) -> None:
        super().__init__(context, scorer, facts)
        self.base = base

    def save(self, folder: Path, temperature: float | None) -> str:
        """Save the layer; the base is named in the manifest."""
        encoder = self.scorer.encoder
        manifest = make_manifest(
            self.context,
            PROBE,
            self.base.source,
            max_length=encoder.max_length,
            truncate=encoder.truncate,
            settings={"pooling": self.scorer.pooling},
            temperature=temperature,
        )
        save_probe_artifact(folder, self.scorer.linear, self.base.tokenizer, manifest)
        return "none: its layer has a bias and its own pooling, which the stock classifier has not"


class _Features:
    """Pooled features of rows, computed once for all runs of the study."""

    def __init__(self, context: ArmContext, base: Classifier, encoder: Encoder) -> None:
        self.context = context
        self.base = base
        self.encoder = encoder
        self.pooling = context.config.probe.pooling
        told: list[Any] = [
            *computed_by(base.source),
            tokenizer_digest(base.tokenizer),
            encoder.max_length,
            encoder.truncate,
            self.pooling,
            pick_device().precision,
        ]
        self.trunk = FrozenTrunk(context, base, encoder.max_length)
        if self.trunk.off is None and context.config.training.trunk_cache == BFLOAT16:
            told += [BFLOAT16, self.trunk.split]  # rounded on the way
        self.cache = FeatureCache(context.cache, hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16])
        self.tokens = 0
        self.spared = 0.0
        self.cached = 0

    @property
    def waited(self) -> float:
        """The seconds in which other runs of the study were waited for."""
        return self.cache.waited + self.trunk.filled.waited

    def of(self, rows: Rows) -> NDArray[np.float32]:
        """Features [rows, width]."""
        computed = 0

        def compute(at: Sequence[int]) -> NDArray[np.float32]:
            nonlocal computed
            computed = len(at)
            return self._compute([rows.texts[place] for place in at])

        found = self.cache.get(rows.row_ids, compute)
        self.cached += len(set(rows.texts)) - computed
        return found

    def _compute(self, texts: Sequence[str]) -> NDArray[np.float32]:
        encoded = self.encoder.encode(texts)
        self.tokens += int(encoded.lengths.sum())
        self.spared += encoded.spared
        tick = counting(len(texts), lambda done, total: self.context.progress("features", done, total, {}))
        pad_id = int(self.base.tokenizer.pad_token_id)
        trunk = self.trunk.of(self.base)
        if trunk is None:
            return pooled_features(self.base.model, encoded, pad_id, self.pooling, tick)
        self.trunk.fill(trunk, encoded.ids)  # adapters on the top blocks will ask for the same states
        return pooled_features(self.base.model, encoded, pad_id, self.pooling, tick, trunk.replayed)
