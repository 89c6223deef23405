"""Which texts are nearly the same: Jaccard similarity of word shingles (Broder 1997), exact, not comparing all pairs.

Two sets whose Jaccard similarity is at least t share a shingle among the |x| - ceil(t |x|) + 1 rarest of each (prefix
filtering: Bayardo, Ma and Srikant 2007). Only pairs that do are compared, so a shingle that half of all texts hold
costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Ints = NDArray[np.int64]

# Entries of the arrays that one block of work makes; a few hundred MiB at most.
BLOCK = 4_000_000
# Keeps a product like 0.56 * 25 = 14.000000000000002 from being rounded up to 15.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Pairs:
    """Pairs of documents that are alike, by their places. similarity: float64, each at least the threshold."""

    asked: Ints
    other: Ints
    similarity: NDArray[np.float64]


def shingle_sets(documents: Sequence[str], n: int) -> csr_array:
    """Return [documents, shingles], 1 where a document holds a run of n words.

    documents: at least one, each of at least one word, with one blank between words. A document of fewer than n words
    is one shingle by itself. Shingles are numbered from the rarest (in the fewest documents) to the commonest, and each
    row's are in that order.
    """
    numbers: dict[str, int] = {}
    numbered = []
    for document in documents:
        found = [numbers.setdefault(word, len(numbers) + 1) for word in document.split(" ")]
        # Word 0 fills up the short ones.
        numbered.append(np.array(found + [0] * (n - len(found)), dtype=np.int64))
    lengths = np.array([len(each) for each in numbered])
    word = np.concatenate(numbered)
    shingle = word
    for place in range(1, n):
        # The run so far and the word after it as one number, then numbered anew: far below 2 ** 63.
        runs = shingle[:-1] * (len(numbers) + 1) + word[place:]
        shingle = np.unique(runs, return_inverse=True)[1]
    # Runs that reach over a document's end are not its own.
    own = np.arange(n, n + len(shingle)) <= np.repeat(np.cumsum(lengths), lengths)[: len(shingle)]
    of = np.repeat(np.arange(len(documents)), lengths)[: len(shingle)]
    return _by_rarity(of[own], np.unique(shingle[own], return_inverse=True)[1], len(documents))


def _by_rarity(document: Ints, shingle: Ints, documents: int) -> csr_array:
    columns = int(shingle.max()) + 1
    sets = csr_array((np.ones(len(shingle), dtype=np.int32), (document, shingle)), shape=(documents, columns))
    sets.sum_duplicates()
    sets.data[:] = 1
    rank = np.empty(columns, dtype=sets.indices.dtype)
    rank[np.argsort(np.bincount(sets.indices, minlength=columns), kind="stable")] = np.arange(columns)
    sets.indices = rank[sets.indices]
    sets.has_sorted_indices = False
    sets.sort_indices()
    return sets


def similar_pairs(sets: csr_array, asked: Ints, threshold: float) -> Iterator[Pairs]:
    """Yield the pairs of a document of `asked` (places) and any other whose sets have this Jaccard similarity.

    sets: from `shingle_sets`. threshold: above 0, at most 1. Pairs of two documents of `asked` come both ways round.
    They come in blocks, each with all the pairs of its documents, so that memory stays bounded but for a document that
    is like millions.
    """
    sizes = np.diff(sets.indptr)
    in_documents = np.bincount(sets.indices, minlength=sets.shape[1])
    prefixes = _prefixes(sets, sizes, in_documents, threshold)
    # A shingle of one document is in no pair.
    shared = sets[:, in_documents > 1]
    of_all = prefixes.T.tocsr()
    meetings = prefixes[asked] @ np.bincount(prefixes.indices, minlength=sets.shape[1])
    for block in _blocks(meetings):
        documents = asked[block]
        met = (prefixes[documents] @ of_all).tocoo()
        a, b = documents[met.row], met.col.astype(np.int64)
        smaller, larger = np.minimum(sizes[a], sizes[b]), np.maximum(sizes[a], sizes[b])
        possible = (a != b) & (smaller >= threshold * larger - ROUNDING)
        a, b = a[possible], b[possible]
        both = _intersections(shared, a, b)
        similarity = both / (sizes[a] + sizes[b] - both)
        alike = similarity >= threshold
        yield Pairs(a[alike], b[alike], similarity[alike])


def _prefixes(sets: csr_array, sizes: Ints, in_documents: Ints, threshold: float) -> csr_array:
    """Return the sets with only the rarest shingles of each, without those of one document."""
    place = np.arange(sets.nnz) - np.repeat(sets.indptr[:-1], sizes)
    wanted = sizes - np.ceil(threshold * sizes - ROUNDING).astype(np.int64) + 1
    kept = (place < np.repeat(wanted, sizes)) & (in_documents[sets.indices] > 1)
    ends = np.concatenate([[0], np.cumsum(kept)])[sets.indptr]
    return csr_array((sets.data[kept], sets.indices[kept], ends), shape=sets.shape)


def _intersections(sets: csr_array, a: Ints, b: Ints) -> Ints:
    """Return how many shingles the documents a[i] and b[i] share."""
    found = np.zeros(len(a), dtype=np.int64)
    sizes = np.diff(sets.indptr)
    for block in _blocks(sizes[a] + sizes[b]):
        found[block] = sets[a[block]].multiply(sets[b[block]]).sum(axis=1)
    return found


def _blocks(costs: Ints) -> list[Ints]:
    """Return the places 0..n-1 in runs whose costs add up to about BLOCK; a run has at least one place."""
    number = np.cumsum(costs, dtype=np.int64) // BLOCK
    places = np.arange(len(costs))
    return np.split(places, np.flatnonzero(np.diff(number)) + 1) if len(costs) else []
