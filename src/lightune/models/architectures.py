"""The architectures that are loaded: text alone, known to transformers, with no loader of their own.

transformers has classes for more. Some of them read further files, or make parts of themselves from what a checkpoint's
configuration names, so that a configuration decides what is loaded; those stay out.
"""

from __future__ import annotations

DECODERS = (
    "arcee", "biogpt", "bloom", "ctrl", "exaone4", "falcon", "gemma", "gemma2", "glm", "glm4", "gpt-sw3", "gpt2",
    "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "helium", "llama", "ministral", "mistral", "modernbert-decoder",
    "mpt", "nemotron", "olmo", "olmo2", "olmo3", "openai-gpt", "opt", "persimmon", "phi", "phi3", "qwen2", "qwen3",
    "seed_oss", "smollm3", "stablelm", "starcoder2",
)  # fmt: skip
ENCODERS = (
    "albert", "bert", "big_bird", "camembert", "convbert", "data2vec-text", "deberta", "deberta-v2", "distilbert",
    "electra", "ernie", "esm", "eurobert", "flaubert", "fnet", "funnel", "ibert", "longformer", "megatron-bert",
    "mobilebert", "modernbert", "mpnet", "mra", "nomic_bert", "nystromformer", "rembert", "roberta",
    "roberta-prelayernorm", "roc_bert", "roformer", "squeezebert", "xlm", "xlm-roberta", "xlm-roberta-xl", "xlnet",
    "xmod", "yoso",
)  # fmt: skip
ENCODER_DECODERS = ("bart", "bigbird_pegasus", "mbart", "mt5", "mvp", "plbart", "t5", "umt5")
ARCHITECTURES = frozenset((*DECODERS, *ENCODERS, *ENCODER_DECODERS))
