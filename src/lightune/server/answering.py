"""What the endpoints do with a request that is sound: let it in, have it computed, write the answer down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from lightune.compute import softmax
from lightune.hosting import Ask, Hosted
from lightune.inference import answer, occlude
from lightune.inference.occlusion import MOST_PIECES
from lightune.server.engine import Engine
from lightune.server.reading import ClientGone, gone
from lightune.server.schema import ExplainRequest, PredictRequest
from lightune.server.ticket import Ticket

Result = TypeVar("Result")
# Explanations that are under way at once; further ones wait, in the queue's places too.
EXPLAINING = 4


class Answering:
    """Answers for sound requests."""

    def __init__(self, engine: Engine, models: dict[str, Hosted]) -> None:
        self._engine = engine
        self._models = models
        self._threads = ThreadPoolExecutor(EXPLAINING, "lightune-explain")

    async def predict(self, asked: PredictRequest, request: Request) -> bytes:
        """Each text's answers, as JSON. Raises Refused, ClientGone."""
        texts = asked.all_texts
        tokens = sum(self._engine.tokens_of(name, text) for name in asked.models for text in texts)
        with self._engine.admit(tokens) as ticket:
            asks = [Ask(name, texts) for name in asked.models]
            logits = await unless_gone(request, ticket.answer(asks))
        columns = [
            [self._written(self._models[name], row, asked) for row in rows]
            for name, rows in zip(asked.models, logits, strict=True)
        ]
        answers = [dict(zip(asked.models, row, strict=True)) for row in zip(*columns, strict=True)]
        return written({"models": asked.models, "answers": answers})

    async def explain(self, asked: ExplainRequest, request: Request) -> bytes:
        """A text's pieces and what each does to a label's probability, as JSON. Raises Refused, ClientGone."""
        model = self._models[asked.model]
        variants = min(len(asked.text.split()), MOST_PIECES) + 2  # about: where blanks are no words' ends, fewer
        with self._engine.admit(variants * self._engine.tokens_of(model.name, asked.text)) as ticket:
            (logits,) = await unless_gone(request, ticket.answer([Ask(model.name, (asked.text,))]))
            said = answer(asked.text, model.labels, softmax(logits)[0])
            label = asked.label if "label" in asked.model_fields_set else said.label
            pieces = await unless_gone(request, self._occluded(ticket, model, asked.text, label))
        facts = {"model": model.name, "label": label, "score": said.probabilities[label], "method": "occlusion"}
        return written({**facts, "pieces": [{"text": one.text, "change": one.change} for one in pieces]})

    def close(self) -> None:
        """Start no further explanation."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _occluded(self, ticket: Ticket, model: Hosted, text: str, label: str) -> Sequence[Any]:
        loop = asyncio.get_running_loop()

        def score(texts: Sequence[str]) -> NDArray[np.float64]:
            asked = ticket.answer([Ask(model.name, tuple(texts))])
            (logits,) = asyncio.run_coroutine_threadsafe(asked, loop).result()
            return softmax(logits)

        return await loop.run_in_executor(self._threads, occlude, score, text, model.labels.index(label))

    def _written(self, model: Hosted, logits: NDArray[np.float64], asked: PredictRequest) -> dict[str, Any]:
        if asked.calibrated:
            logits = logits / np.float64(model.temperature)
        said = answer("", model.labels, softmax(logits[None])[0])
        best = sorted(said.probabilities.items(), key=lambda each: -each[1])[: asked.top_k]
        return {"label": said.label, "score": said.score, "probabilities": dict(best)}


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work`, or cancel it when the client closes its connection. Raises ClientGone then."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(gone(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        working.cancel()
        watching.cancel()


def written(value: Any) -> bytes:
    """JSON, without NaN."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
