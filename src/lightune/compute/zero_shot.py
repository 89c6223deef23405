"""A language model's own answer: how likely it finds each label's words after a prompt that holds the text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightune.compute.likelihood import CONTENT_FREE, LabelScores, averaged, calibrated, score_labels
from lightune.compute.scorer import OnRows, Scored
from lightune.models import LanguageModel
from lightune.runtime import move


class ZeroShotScorer:
    """A language model, its prompts, and whether its answers are calibrated by inputs without content."""

    def __init__(
        self,
        language: LanguageModel,
        templates: tuple[str, ...],
        words: tuple[tuple[str, ...], ...],
        calibration: bool,
        max_length: int,
        truncate: str,
    ) -> None:
        self.language = language
        self.templates = templates
        self.words = words
        self.calibration = calibration
        self.max_length = max_length
        self.truncate = truncate
        move(language.model)

    def score(self, texts: Sequence[str], on_rows: OnRows | None = None) -> Scored:
        """Logarithms of the templates' mean probabilities."""
        scores = self._scores(texts, self._whole_texts(on_rows) if on_rows is not None else None)
        if self.calibration:
            probabilities = calibrated(scores.logs, self._scores(CONTENT_FREE, None).logs)
        else:
            probabilities = averaged(scores.logs)
        return Scored(np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)), scores.tokens, scores.cut)

    def _whole_texts(self, on_rows: OnRows) -> OnRows:
        """Of a text that each template reads, tell once."""
        read = 0

        def tick(rows: int) -> None:
            nonlocal read
            before, read = read // len(self.templates), read + rows
            on_rows(read // len(self.templates) - before)

        return tick

    def _scores(self, texts: Sequence[str], on_rows: OnRows | None) -> LabelScores:
        return score_labels(self.language, self.templates, self.words, texts, self.max_length, self.truncate, on_rows)
