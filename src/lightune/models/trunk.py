"""The lower blocks of a model, frozen: run once for a text, and replayed whenever it comes again.

Replaying leaves all else to the stock code: embeddings, masks and positions are made as ever, the trunk's last block
answers with the states that it gave before, and those below it hand on what they are given. So it works for any
architecture whose blocks stand in one list and each take the states of the one before as their first argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lightune.models.blocks import find_blocks

# Within this two passes in float32 count as the same, relative to the largest logit.
TOLERANCE = 1e-5


class Trunk:
    """The first `split` blocks of `model` (at least one), with or without an adapter on those above.

    model: a classifier that pools by the mask. It is left as it was after each call.
    """

    def __init__(self, model: PreTrainedModel, split: int) -> None:
        self.model = model
        self.split = split
        self.blocks = find_blocks(model).modules[:split]
        # What a block answers with: the states alone, or a tuple that begins with them.
        self.kinds = self._kinds()

    def states(self, **rows: Any) -> Tensor:
        """Run rows up to the split and no further, in evaluation mode, without a gradient.

        rows: what the model takes: input_ids and attention_mask, right-padded [rows, tokens], or a packed row
        [1, tokens] and its segments. Returns the states [rows, tokens, width]; those of padding mean nothing.
        """
        kept: list[Tensor] = []
        last = self.blocks[-1]
        stock = last.forward

        def stop(*args: Any, **kwargs: Any) -> Any:
            kept.append(_states_of(stock(*args, **kwargs)))
            raise _Enough

        with _evaluating(self.model), torch.no_grad(), _forwards([(last, stop)]):
            try:
                self.model(**rows)
            except _Enough:
                return kept[0]
        raise RuntimeError(f"{type(self.model).__name__} did not come to block {self.split}")

    @contextmanager
    def replayed(self, states: Tensor) -> Iterator[None]:
        """Within it a forward pass of the rows that `states` belong to takes them for what the trunk gives.

        states: [rows, tokens, width], as long as the rows are padded to.
        """
        handed_on = [(block, _hands_on(kind)) for block, kind in zip(self.blocks, self.kinds, strict=True)]
        handed_on[-1] = (self.blocks[-1], _answers(states, self.kinds[-1]))
        with _forwards(handed_on):
            yield

    def why_not(self) -> str | None:
        """Say why this architecture cannot be replayed, seen on a row of three tokens; None where it can."""
        if None in self.kinds:
            return "its blocks answer with more than hidden states"
        device = next(self.model.parameters()).device
        rows = {name: torch.ones((1, 3), dtype=torch.int64, device=device) for name in ("input_ids", "attention_mask")}
        with _evaluating(self.model), torch.no_grad():
            whole = self.model(**rows).logits
            with self.replayed(self.states(**rows)):
                again = self.model(**rows).logits
        largest = max(1.0, float(whole.abs().max()))
        if not float((whole - again).abs().max()) <= TOLERANCE * largest:
            return "its upper blocks read more of the lower ones than their last states"
        return None

    def _kinds(self) -> list[int | None]:
        """For each block how many values it answers with beside the states, all of them None; 0: a tensor alone;
        None: something else, which cannot be handed on."""
        kinds: list[int | None] = []

        def seen(stock: Callable[..., Any]) -> Callable[..., Any]:
            def forward(*args: Any, **kwargs: Any) -> Any:
                answer = stock(*args, **kwargs)
                kinds.append(_kind(answer))
                return answer

            return forward

        device = next(self.model.parameters()).device
        rows = {name: torch.ones((1, 2), dtype=torch.int64, device=device) for name in ("input_ids", "attention_mask")}
        with _evaluating(self.model), torch.no_grad(), _forwards([(one, seen(one.forward)) for one in self.blocks]):
            self.model(**rows)
        return kinds


class _Enough(Exception):
    """The states are there, and what comes after them is not wanted."""


def _kind(answer: Any) -> int | None:
    if isinstance(answer, Tensor):
        return 0
    if isinstance(answer, tuple) and all(value is None for value in answer[1:]):
        return len(answer)
    return None


def _states_of(answer: Any) -> Tensor:
    states: Tensor = answer if isinstance(answer, Tensor) else answer[0]
    return states


def _like(states: Tensor, kind: int | None) -> Any:
    return (states, *[None] * (kind - 1)) if kind else states


def _hands_on(kind: int | None) -> Callable[..., Any]:
    def forward(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
        return _like(hidden_states, kind)

    return forward


def _answers(states: Tensor, kind: int | None) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:  # noqa: ARG001
        return _like(states, kind)

    return forward


@contextmanager
def _forwards(replaced: Sequence[tuple[nn.Module, Callable[..., Any]]]) -> Iterator[None]:
    """Within it each module computes by the function beside it; what stood on the instance before is put back."""
    before = [(module, vars(module).get("forward")) for module, _ in replaced]
    for module, forward in replaced:
        module.forward = forward
    try:
        yield
    finally:
        for module, own in before:
            if own is None:
                del module.forward
            else:
                module.forward = own


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Within it `model` is in evaluation mode; each module goes back to its own afterwards."""
    trained = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in trained:
            module.training = True
