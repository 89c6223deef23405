"""Rows that one arm alone has right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lightune.evaluation.answers import Answers, answers
from lightune.records import AloneRight, AnsweredRow, Predictions


def alone_right(predictions: Mapping[str, Predictions], shown: int = 5) -> tuple[AloneRight, ...]:
    """Return for each arm the rows that it has right and all other arms have wrong; nothing with fewer than two arms.

    predictions: of each arm's first seed, on the same rows in the same order. shown: how many rows of each arm are
    shown, those with its highest probability of the true label first, equals in the order of the rows. Raises
    ValueError where the predictions do not fit together (`answers`).
    """
    if shown < 0:
        raise ValueError(f"shown: 0 or more rows are expected, got {shown}.")
    given = answers(predictions)
    if len(predictions) < 2:
        return ()
    how_many_right = np.sum(list(given.right.values()), axis=0)
    found = []
    for arm, right in given.right.items():
        rows = np.flatnonzero(right & (how_many_right == 1))
        confidence = predictions[arm].probabilities[rows, given.labels[rows]]
        first = rows[np.argsort(-confidence, kind="stable")[:shown]]
        found.append(AloneRight(arm, len(rows), tuple(_answered(given, int(row)) for row in first)))
    return tuple(found)


def _answered(given: Answers, row: int) -> AnsweredRow:
    return AnsweredRow(
        row_id=given.row_ids[row],
        label=given.label_names[given.labels[row]],
        said={arm: given.label_names[said[row]] for arm, said in given.said.items()},
    )
