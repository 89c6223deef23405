"""What the endpoints do with a request that is sound: let it in, have it computed, write the answer down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from lightune.compute import softmax
from lightune.hosting import Ask, Hosted
from lightune.inference import answer
from lightune.inference.occlusion import changes, pieces_of, variants
from lightune.server.engine import Engine
from lightune.server.reading import ClientGone, gone
from lightune.server.schema import ExplainRequest, PredictRequest

Result = TypeVar("Result")


class Answering:
    """Answers for sound requests."""

    def __init__(self, engine: Engine, models: dict[str, Hosted]) -> None:
        self._engine = engine
        self._models = models

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
        pieces = pieces_of(asked.text)
        texts = tuple(variants(pieces))
        with self._engine.admit(sum(self._engine.tokens_of(model.name, text) for text in texts)) as ticket:
            (logits,) = await unless_gone(request, ticket.answer([Ask(model.name, texts)]))
        probabilities = softmax(logits)
        said = answer(asked.text, model.labels, probabilities[0])
        label = asked.label if "label" in asked.model_fields_set else said.label
        found = changes(pieces, probabilities[:, model.labels.index(label)])
        facts = {"model": model.name, "label": label, "score": said.probabilities[label], "method": "occlusion"}
        return written({**facts, "pieces": [{"text": one.text, "change": one.change} for one in found]})

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
