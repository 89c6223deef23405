"""The floor of cost: TF-IDF with logistic regression, scikit-learn's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: rows, task: `train` (a turn fits) or `predict` (a turn answers)."""
    held = json.loads(Path(spec["rows"]).read_text(encoding="utf-8"))
    texts, labels = held["texts"], held["labels"]
    model = pipeline().fit(texts, labels)
    if spec["task"] == "train":
        session.turns(lambda: pipeline().fit(texts, labels) and None)
    session.turns(lambda: model.predict_proba(texts) is None or None)


def pipeline() -> Any:
    """Words and pairs of words, sublinear counts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=30, max_iter=1000)
    )
