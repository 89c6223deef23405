"""What int8 costs in accuracy: both graphs on the study's test rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightune.compute import OnnxScorer, softmax
from lightune.evaluation import compare, positive_index, predicted_labels, wilson
from lightune.exports.onnx import GRAPH, INT8_GRAPH
from lightune.exports.origin import Origin
from lightune.exports.records import Quantised
from lightune.progress import counting
from lightune.records import Predictions, Rows

OnRows = Callable[[int, int], None]


@dataclass(frozen=True)
class Measured:
    """int8 on the test rows, or a sentence on why it was not measured."""

    quantised: Quantised | None
    not_measured: str | None


def measure_int8(origin: Origin, folder: Path, most: int | None, on_rows: OnRows | None = None) -> Measured:
    """Answer the study's test rows with both graphs in `folder`. most: of more rows so many are drawn, seed 0.

    on_rows hears (rows done, rows in all) of the two together.
    """
    rows = origin.test
    if rows is None:
        return Measured(
            None,
            "The accuracy of int8 was not measured: the texts of the test rows are not kept beside the artefact "
            "(a study with --no-texts, or an arm's folder alone).",
        )
    if origin.result is not None and origin.result.cross_validation is not None:
        return Measured(
            None,
            "The accuracy of int8 was not measured: in a cross-validation there is no row that the artefact was not "
            "trained on.",
        )
    if most is not None and most < len(rows):
        rows = rows.take(np.sort(np.random.default_rng(0).choice(len(rows), most, replace=False)))
    tick = None if on_rows is None else counting(2 * len(rows), on_rows)
    float32 = OnnxScorer(folder / GRAPH, origin.encoder).score(rows.texts, tick).logits
    int8 = OnnxScorer(folder / INT8_GRAPH, origin.encoder).score(rows.texts, tick).logits
    a, b = (_predictions(name, origin, rows, logits) for name, logits in (("int8", int8), ("float32", float32)))
    positive = positive_index(origin.manifest.label_names, origin.manifest.positive_label)
    said_a, said_b = predicted_labels(a.probabilities), predicted_labels(b.probabilities)
    changed = int((said_a != said_b).sum())
    return Measured(
        Quantised(
            rows=len(rows),
            float32=wilson(int((said_b == rows.labels).sum()), len(rows)),
            int8=wilson(int((said_a == rows.labels).sum()), len(rows)),
            delta=compare(a, b, positive, telling=0).delta_accuracy,
            changed=wilson(changed, len(rows)),
            changed_rows=changed,
            difference=float(np.abs(int8 - float32).max()),
            float32_bytes=(folder / GRAPH).stat().st_size,
            int8_bytes=(folder / INT8_GRAPH).stat().st_size,
        ),
        None,
    )


def _predictions(name: str, origin: Origin, rows: Rows, logits: NDArray[np.float64]) -> Predictions:
    manifest = origin.manifest
    labels, probabilities = rows.labels, softmax(logits)
    return Predictions(
        name, "test", manifest.train_size, manifest.seed, manifest.label_names, rows.row_ids, labels, probabilities
    )
