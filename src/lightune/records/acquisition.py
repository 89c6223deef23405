"""Unlabelled texts in the order in which labelling them would teach most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ranked:
    """An unlabelled text's place. index: its row among the texts given; rank: 1 is to be labelled first.

    uncertainty: 0 (the classifier is sure) to 1 (every label is as likely). typicality: how like the other texts it is,
    1 for the one most like them. novelty: 1 minus the likeness of the likest text ranked before it, 0 to 1; of those
    past the batch, of the likest in the batch. score: the product of the three.
    """

    index: int
    rank: int
    uncertainty: float
    typicality: float
    novelty: float
    score: float
