"""One answer a text, however it is padded: rows are aligned and pooled by the attention mask, never by token id.

Stock decoders look for the last token that is not the padding token, which swallows a text's own last token when it
is that token (GPT-2 pads with its end-of-text token), and cannot see padding under prompt embeddings. Stock
encoder-decoders look for the end-of-sentence token by its id, and refuse a batch in which a text holds one more.
Encoders pool their first token, which left padding moves away and virtual prompt tokens push back.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from lightune.errors import ModelError
from lightune.models.packed import allow_packing, attends_causally, packed_states
from lightune.models.rows import OWN_TOKENS, align_rows, first_token_leads, last_token, shift_right
from lightune.models.segments import SEGMENTS


def pool_by_mask(model: PreTrainedModel) -> PreTrainedModel:
    """Give `model` (a sequence classifier) a forward pass that pools by the mask. Changes it in place.

    A decoder of a family that can be packed (`lightune.models.packed`) takes `segments` instead of a mask too: then
    `input_ids` is one row of texts end to end, and the logits are one row a text.

    The override sits on the instance, so that the class, the saved configuration and the parameters' names stay
    stock, and so that it works below a peft wrapper, which calls `forward` and skips hooks.
    """
    stock = model.forward
    answer = _answers_by(model, stock)

    @functools.wraps(getattr(stock, "__func__", stock))
    def forward(
        self: Any,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        own = kwargs.pop(OWN_TOKENS, None)
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, **kwargs}
        return answer(self, align_rows(inputs, self.config.pad_token_id), labels, own)

    forward.__signature__ = _signature(model, stock)  # type: ignore[attr-defined]
    model.forward = types.MethodType(forward, model)
    if answer is _decoder:
        allow_packing(model)
    return model


def pools_first_token(model: PreTrainedModel) -> bool:
    """Whether the head of `model` reads the state of a text's first token, as an encoder's does."""
    # By its name: a decoder's `score` may be wrapped by peft by now.
    return not hasattr(model, "score") and not model.config.is_encoder_decoder


def hidden_states(model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the last hidden states [rows, tokens, width] of `model`'s backbone; an encoder-decoder's are its
    decoder's, which reads the text again, shifted by one as in the stock classifier.
    """
    backbone, inputs = model.base_model, {"input_ids": input_ids, "attention_mask": attention_mask}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = shift_right(input_ids, model.config.decoder_start_token_id)
    states: Tensor = backbone(**inputs).last_hidden_state
    return states


Answer = Callable[[Any, dict[str, Any], Tensor | None, int | None], SequenceClassifierOutput]


def _answers_by(model: PreTrainedModel, stock: Callable[..., Any]) -> Answer:
    """How this architecture answers: a decoder by its last token, an encoder-decoder by what its decoder makes of the
    last token, any other as stock does."""
    if isinstance(getattr(model, "score", None), nn.Linear):
        return _decoder
    if model.config.is_encoder_decoder and isinstance(getattr(model, "classification_head", None), nn.Module):
        return _encoder_decoder
    return functools.partial(_encoder, stock)


def _decoder(self: Any, inputs: dict[str, Any], labels: Tensor | None, own: int | None) -> SequenceClassifierOutput:  # noqa: ARG001
    backbone = getattr(self, self.base_model_prefix)
    segments = inputs.pop(SEGMENTS, None)
    if segments is not None:
        return _output(self.score(packed_states(backbone, inputs["input_ids"], segments)), labels)
    mask = inputs["attention_mask"]
    # With padding on the right alone, a causal model's tokens never see it: a mask of ones lets attention take its
    # fast causal path, and gives the tokens the same states.
    if mask is not None and attends_causally(self.config):
        inputs["attention_mask"] = torch.ones_like(mask)
    states = backbone(**{**inputs, "use_cache": False, "return_dict": True}).last_hidden_state
    return _output(self.score(last_token(states, mask)), labels)


def _encoder_decoder(
    self: Any,
    inputs: dict[str, Any],
    labels: Tensor | None,
    own: int | None,  # noqa: ARG001
) -> SequenceClassifierOutput:
    if inputs["input_ids"] is None:
        # The decoder reads the text again, and embeddings do not say what it is.
        raise ModelError(
            f"{type(self).__name__}: rows of token ids are expected, got embeddings alone. "
            "Use a method that leaves the input as it is."
        )
    inputs["decoder_input_ids"] = shift_right(inputs["input_ids"], self.config.decoder_start_token_id)
    backbone = getattr(self, self.base_model_prefix)
    states = backbone(**{**inputs, "use_cache": False, "return_dict": True}).last_hidden_state
    return _output(self.classification_head(last_token(states, inputs["attention_mask"])), labels)


def _encoder(
    stock: Callable[..., SequenceClassifierOutput],
    self: Any,
    inputs: dict[str, Any],
    labels: Tensor | None,
    own: int | None,
) -> SequenceClassifierOutput:
    embeddings = inputs.get("inputs_embeds")
    virtual = 0 if own is None or embeddings is None else embeddings.shape[1] - own
    with first_token_leads(getattr(self, self.base_model_prefix), virtual):
        return stock(**inputs, labels=labels)


def _output(logits: Tensor, labels: Tensor | None) -> SequenceClassifierOutput:
    loss = None if labels is None else nn.functional.cross_entropy(logits.float(), labels)
    return SequenceClassifierOutput(loss=loss, logits=logits)


def _signature(model: PreTrainedModel, stock: Callable[..., Any]) -> inspect.Signature:
    """The stock signature, with `past_key_values` where the backbone takes them.

    peft reads off the signature whether a prefix can be passed, and goes round this forward pass, and with it round
    the pooling, where it finds none.
    """
    # Of the bound method, so without `self`, which binding takes away: it is put back in front.
    parameters = list(inspect.signature(stock).parameters.values())
    backbone = inspect.signature(model.base_model.forward).parameters
    names = {parameter.name for parameter in parameters}
    if "past_key_values" in backbone and "past_key_values" not in names and not model.config.is_encoder_decoder:
        taken = inspect.Parameter("past_key_values", inspect.Parameter.KEYWORD_ONLY, default=None)
        at = len(parameters) - (parameters[-1].kind is inspect.Parameter.VAR_KEYWORD)
        parameters.insert(at, taken)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    return inspect.Signature([own, *parameters])
