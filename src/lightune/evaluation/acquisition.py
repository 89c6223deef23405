"""What to label next: texts that the classifier is unsure of, that many others are like, and that differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import entropy

from lightune.evaluation.counts import Floats
from lightune.evaluation.predicted import check_arrays
from lightune.records import Ranked

BATCH = 200


def rank_unlabelled(
    texts: Sequence[str], probabilities: NDArray[np.float64], batch: int | None = None
) -> tuple[Ranked, ...]:
    """Return every text with its rank, the one first whose label would teach the classifier most.

    texts: n. probabilities: [n, k], the classifier's, rows sum to one. batch: how many are chosen one by one, each with
    regard to those before it; 200 without it.

    A text's score is uncertainty x typicality x novelty. Uncertainty: Shannon's entropy over log k (Settles 2009,
    Active Learning Literature Survey, section 3.1). Typicality: information density (Settles & Craven 2008), the mean
    cosine similarity to all texts over the highest such mean; without it the oddest texts come first, which teach
    little. Novelty: 1 minus the highest cosine similarity to a text chosen before, as in maximal marginal relevance
    (Carbonell & Goldstein 1998), so that one doubtful text in ten versions does not take ten places. A product needs no
    weights, and what is sure or known scores 0. Similarities are those of TF-IDF vectors of words.

    After the batch the score with regard to the batch alone gives the order, so scores never rise with the rank. Texts
    that repeat another one exactly come after all others. Equal scores keep the order of the texts. Time grows as
    batch times the words of all texts.

    The texts ranked first are no fair sample: an accuracy measured on them is not that of other texts.

    Raises ValueError where probabilities are unsound (`check_arrays`), not one row a text, or batch is below 1.
    """
    size = BATCH if batch is None else batch
    if size < 1:
        raise ValueError(f"batch: at least 1 text is expected, got {batch}.")
    if len(texts) != len(probabilities):
        raise ValueError(f"rank_unlabelled: {len(texts)} rows of probabilities are expected, got {len(probabilities)}.")
    if not texts:
        return ()
    check_arrays(np.zeros(len(texts), dtype=np.int64), probabilities, "rank_unlabelled")
    uncertainty = uncertainties(probabilities)
    once = _first_of_each(texts)
    vectors = _vectors([texts[at] for at in once])
    typicality, novelty = np.zeros(len(texts)), np.zeros(len(texts))
    typicality[once] = _typicality(vectors)
    chosen, novelty[once] = _diversified((uncertainty * typicality)[once], vectors, size)

    score = uncertainty * typicality * novelty
    rest = np.setdiff1d(once, once[chosen])
    repeats = np.setdiff1d(np.arange(len(texts)), once)
    order = np.concatenate([once[chosen], _falling(rest, score), _falling(repeats, uncertainty)])
    return tuple(
        Ranked(int(at), rank, *(float(values[at]) for values in (uncertainty, typicality, novelty, score)))
        for rank, at in enumerate(order, start=1)
    )


def uncertainties(probabilities: NDArray[np.float64]) -> Floats:
    """Return Shannon's entropy of each row of [n, k] over log k, [n]: 0 for a sure row, 1 for a uniform one."""
    shares: Floats = np.asarray(entropy(probabilities, axis=1)) / np.log(probabilities.shape[1])
    return np.clip(shares, 0.0, 1.0)


def _first_of_each(texts: Sequence[str]) -> NDArray[np.int64]:
    """Rows whose text does not stand in an earlier row."""
    first: dict[str, int] = {}
    for at, text in enumerate(texts):
        first.setdefault(text, at)
    return np.fromiter(first.values(), dtype=np.int64)


def _falling(rows: NDArray[np.int64], values: Floats) -> NDArray[np.int64]:
    """Rows by their value, highest first, equals in their order."""
    return rows[np.argsort(-values[rows], kind="stable")]


def _vectors(texts: Sequence[str]) -> csr_matrix:
    """TF-IDF vectors [n, words] of length one; all zero for a text without a word."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # Here, since it loads slowly and few need it.

    vectorizer = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True, dtype=np.float32)  # nosec B106  # no password
    try:
        return vectorizer.fit_transform(texts)
    except ValueError:  # "empty vocabulary": no text has a word
        return csr_matrix((len(texts), 1), dtype=np.float32)


def _typicality(vectors: csr_matrix) -> Floats:
    """Each row's mean cosine similarity to all rows, itself too, over the highest such mean, [n]; 1 without words."""
    mean = np.asarray((vectors @ vectors.mean(axis=0).T).ravel(), dtype=np.float64).ravel()
    highest = mean.max()
    return mean / highest if highest > 0 else np.ones_like(mean)


def _diversified(worth: Floats, vectors: csr_matrix, size: int) -> tuple[list[int], Floats]:
    """Choose `size` rows greedily by worth [n] times novelty.

    Returns them in order, and every row's novelty [n]: a chosen one's as it was then, the others' in the end.
    """
    novelty = np.ones(len(worth))
    left = np.ones(len(worth), dtype=bool)
    chosen: list[int] = []
    for _ in range(min(size, len(worth))):
        best = int(np.argmax(np.where(left, worth * novelty, -1.0)))
        chosen.append(best)
        left[best] = False
        likeness = (vectors @ vectors[[best]].T).toarray()[:, 0]
        novelty = np.where(left, np.minimum(novelty, np.clip(1.0 - likeness, 0.0, 1.0)), novelty)
    return chosen, novelty
