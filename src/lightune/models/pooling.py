"""One answer a text, however it is padded: rows are aligned and pooled by the attention mask, never by token id.

Stock decoders look for the last token that is not the padding token, which swallows a text's own last token when it
is that token (GPT-2 pads with its end-of-text token), and cannot see padding under prompt embeddings. Encoders pool
their first token, which left padding moves away.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


def pool_by_mask(model: PreTrainedModel) -> PreTrainedModel:
    """Give `model` (a sequence classifier) a forward pass that pools by the mask. Changes it in place.

    The override sits on the instance, so that the class, the saved configuration and the parameters' names stay
    stock, and so that it works below a peft wrapper, which calls `forward` and skips hooks.
    """
    stock = model.forward
    pools_last = isinstance(getattr(model, "score", None), nn.Linear)

    # peft reads off the signature what the model can take (a prefix needs past_key_values).
    @functools.wraps(getattr(stock, "__func__", stock))
    def forward(
        self: Any,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        plain = kwargs.get("past_key_values") is None
        if input_ids is not None and attention_mask is not None and plain:
            input_ids, attention_mask = align_right(input_ids, attention_mask, self.config.pad_token_id)
        if not pools_last:
            return stock(input_ids=input_ids, attention_mask=attention_mask, labels=labels, **kwargs)  # type: ignore[no-any-return]
        kwargs["use_cache"] = False
        causal = not getattr(self.config, "use_bidirectional_attention", False)
        backbone = getattr(self, self.base_model_prefix)
        # With padding on the right alone, a causal model's tokens never see it: a mask of ones lets attention take its
        # fast causal path, and gives the tokens the same states.
        passed_mask = (
            torch.ones_like(attention_mask)
            if input_ids is not None and attention_mask is not None and plain and causal
            else attention_mask
        )
        hidden = backbone(input_ids=input_ids, attention_mask=passed_mask, **kwargs).last_hidden_state
        logits = self.score(last_token(hidden, attention_mask))
        loss = None if labels is None else nn.functional.cross_entropy(logits.float(), labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    model.forward = types.MethodType(forward, model)
    return model


def align_right(input_ids: Tensor, attention_mask: Tensor, pad_id: int) -> tuple[Tensor, Tensor]:
    """Move each row's tokens to its start: padding on the left or between becomes padding on the right.

    input_ids, attention_mask: [rows, tokens], 1 for a token and 0 for padding. Rows that are right-padded are returned
    as they are.
    """
    if bool((attention_mask[:, 1:] <= attention_mask[:, :-1]).all()):
        return input_ids, attention_mask
    order = torch.argsort(attention_mask, dim=1, descending=True, stable=True)
    mask = attention_mask.gather(1, order)
    ids = torch.where(mask.bool(), input_ids.gather(1, order), torch.full_like(input_ids, pad_id))
    return ids, mask


def last_token(hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Return the hidden state of each row's last real token: [rows, tokens, width] -> [rows, width].

    The mask may be longer than the states it pools (virtual prompt tokens come first and are counted by it) or shorter.
    """
    rows, length = hidden.shape[:2]
    if attention_mask is None:
        return hidden[:, -1]
    positions = torch.arange(attention_mask.shape[1], device=hidden.device)
    last = (positions * attention_mask.to(hidden.device)).argmax(dim=1) + (length - attention_mask.shape[1])
    return hidden[torch.arange(rows, device=hidden.device), last]
