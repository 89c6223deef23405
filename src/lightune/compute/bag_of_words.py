"""TF-IDF with a linear layer on top: scikit-learn's features, from a vocabulary that can be saved without a pickle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from lightune.compute.linear import Linear
from lightune.compute.scorer import OnRows, Scored

CHUNK = 2_000


def new_vectorizer(**options: object) -> TfidfVectorizer:
    """One- and two-word grams, 1 + log counts, rows of length one (Wang & Manning 2012 show how strong that is)."""
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, **options)


class BagOfWords:
    """A fitted vectorizer and the layer on it."""

    def __init__(self, vectorizer: TfidfVectorizer, linear: Linear) -> None:
        self.vectorizer = vectorizer
        self.linear = linear

    @classmethod
    def of(cls, terms: Sequence[str], idf: NDArray[np.float64], linear: Linear) -> BagOfWords:
        """Build it again from what `terms`, `idf` and `linear` gave. terms: in the order of the columns."""
        vectorizer = new_vectorizer(vocabulary={term: at for at, term in enumerate(terms)})
        vectorizer.idf_ = idf
        return cls(vectorizer, linear)

    @property
    def terms(self) -> list[str]:
        """The grams in the order of their columns."""
        return [str(term) for term in self.vectorizer.get_feature_names_out()]

    @property
    def idf(self) -> NDArray[np.float64]:
        """Inverse document frequency of each gram."""
        return np.asarray(self.vectorizer.idf_, dtype=np.float64)

    def score(self, texts: Sequence[str], on_rows: OnRows | None = None) -> Scored:
        """Logits of the texts. Nothing is cut."""
        logits = np.empty((len(texts), len(self.linear.bias)))
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            logits[start : start + len(chunk)] = self.linear.logits(self.vectorizer.transform(chunk))
            if on_rows is not None:
                on_rows(len(chunk))
        return Scored(logits)
