"""A decoder's states of packed texts: no padding, and the last block computed for each text's last token alone.

A classifier reads one state a text. Of the last block, keys and values are needed of every token, but query,
attention's output and the feed-forward part only of the one that is read: the same numbers for less work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers import GPT2Model, LlamaModel, PreTrainedModel, Qwen2Model
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention, GPT2Block
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaDecoderLayer, apply_rotary_pos_emb
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention, Qwen2DecoderLayer

from lightune.models.segments import ATTENTION, SEGMENTS, Segments, last_in_segments, register_attention


@dataclass(frozen=True)
class Family:
    """How the backbones of one architecture are run on packed texts.

    blocks, attention: names of the list of blocks and of a block's attention. block_type, attention_type: their exact
    classes; what a method has put in their place is not known to work on packed texts.
    """

    blocks: str
    attention: str
    block_type: type[nn.Module]
    attention_type: type[nn.Module]
    states: Callable[[Any, Tensor, Segments], Tensor]


def allow_packing(model: PreTrainedModel) -> None:
    """Let `model` attend segment by segment where it is of a family that can be packed. Its attention without
    segments stays stock."""
    if type(model.base_model) in FAMILIES and model.config._attn_implementation == "sdpa":
        register_attention()
        model.config._attn_implementation = ATTENTION


def can_pack(model: nn.Module) -> bool:
    """Whether `model`, with whatever adapter is in it, answers for packed texts: a decoder of a known family, allowed
    by `allow_packing`, whose blocks and attention are the family's own and attend to a whole text."""
    if not isinstance(model, PreTrainedModel) and not hasattr(model, "peft_config"):
        return False
    config: Any = model.config
    if getattr(config, "_attn_implementation", None) != ATTENTION or "sliding_attention" in _kinds_of_layers(config):
        return False
    if not attends_causally(config):
        return False
    if any(getattr(one, "is_prompt_learning", False) for one in getattr(model, "peft_config", {}).values()):
        return False
    backbone = next((module for module in model.modules() if type(module) in FAMILIES), None)
    if backbone is None:
        return False
    family = FAMILIES[type(backbone)]
    blocks = list(getattr(backbone, family.blocks))
    return all(
        type(block) is family.block_type and type(getattr(block, family.attention)) is family.attention_type
        for block in blocks
    )


def attends_causally(config: Any) -> bool:
    """Whether a decoder's token sees those before it alone; some checkpoints have it see the whole text."""
    return bool(getattr(config, "is_causal", True)) and not getattr(config, "use_bidirectional_attention", False)


def packed_states(backbone: PreTrainedModel, input_ids: Tensor, segments: Segments) -> Tensor:
    """The last hidden state, after the final norm, of each text's last token: [texts, width].

    input_ids: int64 [1, tokens], the texts of `segments` end to end, and its filler.
    """
    return FAMILIES[type(backbone)].states(backbone, input_ids, segments)


def _kinds_of_layers(config: Any) -> tuple[str, ...]:
    return tuple(getattr(config, "layer_types", None) or ())


def _gpt2(backbone: Any, input_ids: Tensor, segments: Segments) -> Tensor:
    positions = segments.positions(input_ids.device)
    states = backbone.drop(backbone.wte(input_ids) + backbone.wpe(positions))
    *blocks, final = backbone.h
    for block in blocks:
        states = block(states, **{SEGMENTS: segments})
    return backbone.ln_f(_last_gpt2(final, states, segments))[0]  # type: ignore[no-any-return]


def _last_gpt2(block: Any, states: Tensor, segments: Segments) -> Tensor:
    """GPT2Block for each text's last token: [1, tokens, width] to [1, texts, width]."""
    attention, last = block.attn, segments.last(states.device)
    query, key, value = attention.c_attn(block.ln_1(states)).split(attention.split_size, dim=2)
    query, key, value = (_by_heads(one, attention.head_dim) for one in (query.index_select(1, last), key, value))
    dropout = attention.attn_dropout.p if attention.training else 0.0
    found = last_in_segments(query, key, value, segments, dropout, attention.scaling)
    found = attention.resid_dropout(attention.c_proj(found.flatten(2))) + states.index_select(1, last)
    return found + block.mlp(block.ln_2(found))  # type: ignore[no-any-return]


def _llama(backbone: Any, input_ids: Tensor, segments: Segments) -> Tensor:
    positions = segments.positions(input_ids.device)
    states = backbone.embed_tokens(input_ids)
    turns = backbone.rotary_emb(states, position_ids=positions)
    *blocks, final = backbone.layers
    for block in blocks:
        states = block(states, position_embeddings=turns, **{SEGMENTS: segments})
    return backbone.norm(_last_llama(final, states, turns, segments))[0]  # type: ignore[no-any-return]


def _last_llama(block: Any, states: Tensor, turns: tuple[Tensor, Tensor], segments: Segments) -> Tensor:
    """LlamaDecoderLayer, and Qwen2's alike, for each text's last token: [1, tokens, width] to [1, texts, width]."""
    attention, last = block.self_attn, segments.last(states.device)
    normed = block.input_layernorm(states)
    query = _by_heads(attention.q_proj(normed.index_select(1, last)), attention.head_dim)
    key, value = (_by_heads(part(normed), attention.head_dim) for part in (attention.k_proj, attention.v_proj))
    cosine, sine = turns
    query, _ = apply_rotary_pos_emb(query, query, cosine.index_select(1, last), sine.index_select(1, last))
    _, key = apply_rotary_pos_emb(key, key, cosine, sine)
    dropout = attention.attention_dropout if attention.training else 0.0
    found = last_in_segments(query, key, value, segments, dropout, attention.scaling)
    found = attention.o_proj(found.flatten(2)) + states.index_select(1, last)
    return found + block.mlp(block.post_attention_layernorm(found))  # type: ignore[no-any-return]


def _by_heads(states: Tensor, width: int) -> Tensor:
    """[rows, tokens, heads x width] to [rows, heads, tokens, width]."""
    split: Tensor = states.unflatten(-1, (-1, width))
    return split.transpose(1, 2)


FAMILIES: dict[type[nn.Module], Family] = {
    GPT2Model: Family("h", "attn", GPT2Block, GPT2Attention, _gpt2),
    LlamaModel: Family("layers", "self_attn", LlamaDecoderLayer, LlamaAttention, _llama),
    Qwen2Model: Family("layers", "self_attn", Qwen2DecoderLayer, Qwen2Attention, _llama),
}
