"""Methods that leave the weights alone and learn what the model reads: virtual tokens, prefixes, embeddings."""

from __future__ import annotations

from lightune.catalogue.entry import EMBEDDING, MERGE, NO_WEIGHTS, PROMPT, SAVE, Method
from lightune.catalogue.low_rank import MIXED

BESIDE = {MERGE: NO_WEIGHTS, **MIXED}
# Enough of a byte-pair vocabulary to hold its bytes and its commonest pairs, which come first there.
COMMON_TOKENS = 1000
EMBEDDINGS = "a classifier that takes embeddings in place of tokens"
PAST = "a classifier whose every attention takes past keys and values"

PROMPTS = (
    Method(
        "prompt-tuning", "Prompt tuning", "trained virtual tokens before the text", "arXiv:2104.08691",
        "PROMPT_TUNING", targets=PROMPT, options={"num_virtual_tokens": 20}, rate=3.0, conv1d=True,
        needs=EMBEDDINGS, cannot=BESIDE,
    ),
    Method(
        "multitask-prompt-tuning", "Multitask prompt tuning",
        "a shared prompt times a low-rank one for each task, here for one task", "arXiv:2303.02861",
        "MULTITASK_PROMPT_TUNING", targets=PROMPT, options={"num_virtual_tokens": 20, "num_tasks": 1}, rate=10.0,
        conv1d=True, needs=EMBEDDINGS, cannot=BESIDE,
    ),
    Method(
        "p-tuning", "P-tuning", "virtual tokens before the text, made by a small trained network", "arXiv:2103.10385",
        "P_TUNING", targets=PROMPT, options={"num_virtual_tokens": 20},
        fitted=lambda shape: {"encoder_hidden_size": shape.width}, rate=1.0, conv1d=True,
        needs=EMBEDDINGS, cannot=BESIDE,
    ),
    Method(
        "prefix-tuning", "Prefix tuning", "trained keys and values before the text's own, in every layer",
        "arXiv:2101.00190", "PREFIX_TUNING", targets=PROMPT, options={"num_virtual_tokens": 20}, rate=3.0,
        conv1d=True, needs=PAST, cannot=BESIDE,
    ),
    Method(
        "cartridge", "Cartridges", "a cache of keys and values, trained entry by entry", "arXiv:2506.06266",
        "CARTRIDGE", targets=PROMPT, options={"num_virtual_tokens": 20}, rate=10.0, conv1d=True,
        needs=PAST, cannot=BESIDE,
    ),
    Method(
        "adaption-prompt", "Adaption prompt (LLaMA-Adapter)",
        "trained prompts in the upper layers' attention, behind a gate that begins closed", "arXiv:2303.16199",
        "ADAPTION_PROMPT", targets=PROMPT,
        fitted=lambda shape: {"adapter_len": 10, "adapter_layers": shape.blocks}, rate=30.0, saves_head=False,
        conv1d=True, needs="the attention of GPT-2, Llama or Mistral",
        cannot={**BESIDE, SAVE: "peft saves no head with it; lightune saves it beside"},
    ),
    Method(
        "trainable-tokens", "Trainable tokens", f"the embeddings of the vocabulary's first {COMMON_TOKENS:,} tokens",
        None, "TRAINABLE_TOKENS", targets=EMBEDDING,
        fitted=lambda shape: {"token_indices": list(range(min(COMMON_TOKENS, shape.vocabulary)))}, rate=3.0,
        saves_head=False, conv1d=True, needs="token embeddings that are looked up in one place",
        cannot={**MIXED, SAVE: "peft saves no head with it; lightune saves it beside"},
    ),
    Method(
        "cpt", "CPT", "the embeddings of example texts and their answers, trained as a prompt", "arXiv:2410.17222",
        "CPT", targets=PROMPT,
        refused="peft has it for language models that write their answer, not for classifiers with a head",
    ),
)  # fmt: skip
