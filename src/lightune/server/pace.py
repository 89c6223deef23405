"""How fast the models have answered of late, and so how long work will take and how much is a batch."""

from __future__ import annotations

import math

# A batch is what takes about so long: small requests wait for one at most before it is their turn.
BATCH_SECONDS = 0.5
LEAST_TOKENS, MOST_TOKENS = 1_024, 65_536
# Before anything was measured.
FIRST = 2_000.0
# How much of the average the newest second of computing makes up.
SHARE = 0.2
LONGEST_RETRY = 60


class Pace:
    """Estimated tokens a second, an average in which the newest batches count most."""

    def __init__(self, batch_tokens: int | None = None) -> None:
        self._batch_tokens = batch_tokens
        self._tokens = 0.0
        self._seconds = 0.0

    def note(self, tokens: int, seconds: float) -> None:
        """Take in that a batch of so many estimated tokens took so long."""
        fade = (1 - SHARE) ** seconds
        self._tokens = self._tokens * fade + tokens
        self._seconds = self._seconds * fade + max(seconds, 1e-6)

    @property
    def tokens_per_second(self) -> float:
        """The average."""
        return self._tokens / self._seconds if self._seconds else FIRST

    @property
    def batch_tokens(self) -> int:
        """What a batch holds: what was set, else what takes `BATCH_SECONDS`."""
        if self._batch_tokens is not None:
            return self._batch_tokens
        return int(min(max(self.tokens_per_second * BATCH_SECONDS, LEAST_TOKENS), MOST_TOKENS))

    def seconds(self, tokens: float) -> float:
        """How long so many tokens will take."""
        return tokens / self.tokens_per_second

    def retry_after(self, tokens: float) -> int:
        """Whole seconds until so many waiting tokens are half done: then there is room again."""
        return max(1, min(math.ceil(self.seconds(tokens) / 2), LONGEST_RETRY))
