"""What the JSON files of a model's folder may ask for: no other file, no code, no kernels, sizes within bounds.

A key that transformers would follow to another place is refused. `auto_map`, which names code beside a model, is left
to transformers, which is always called without trust in it: an architecture that it knows is loaded by its own code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from lightune.errors import ModelError
from lightune.models.architectures import ARCHITECTURES
from lightune.models.strict_files import entries, read_object

CONFIG, TOKENIZER_CONFIG, INDEX = "config.json", "tokenizer_config.json", "model.safetensors.index.json"
# They name other files, or packages and repositories that kernels are fetched from.
ELSEWHERE = ("configuration_files", "custom_pipelines", "gguf_file", "transformers_weights", "quantization_config")
KERNELS = ("attn_implementation", "experts_implementation")
OWN_KERNELS = ("eager", "sdpa", "grouped_mm", "batched_mm")
LABELS = ("num_labels", "_num_labels")
DEPTHS = re.compile(r"(n|num|encoder|decoder)(_\w+)?_layers?")
# Lists of blocks, and of how often each comes: gpt_neo's and funnel's.
BLOCKS = ("attention_types", "block_sizes", "block_repeats")
MOST_LABELS, MOST_LAYERS, MOST_SIZE = 100_000, 1024, 2**31
# The tokenizer reads its own files by their usual names. transformers passes this one over, and the others, which it
# wrote once with the path of then, where the whole tokenizer is in the folder.
PASSED_OVER, WHOLE, PASSED_OVER_THEN = ("special_tokens_map_file",), "tokenizer.json", ("tokenizer_file", "vocab_file")
TOKENIZER_CLASS = re.compile(r"[A-Za-z0-9_]+Tokenizer(Fast)?|TokenizersBackend|PythonBackend")
GENERIC = ("PreTrainedTokenizer", "TokenizersBackend", "PythonBackend", "LlamaTokenizer", "CodeGenTokenizer")
# What transformers 4 named for these architectures, which transformers 5 takes for another of its classes.
OF_BEFORE = (
    "BartTokenizer", "BarthezTokenizer", "BloomTokenizer", "CodeLlamaTokenizer", "CohereTokenizer", "ConvBertTokenizer",
    "DistilBertTokenizer", "ElectraTokenizer", "HerbertTokenizer", "LongformerTokenizer", "MBart50Tokenizer",
    "MT5Tokenizer", "NystromformerTokenizer", "PegasusTokenizer", "SqueezeBertTokenizer",
)  # fmt: skip
TOKENIZER_FILE = re.compile(r"tokenizer(\.[\w.-]+)?\.json")
SHARD = re.compile(r"[\w-][\w.-]*\.safetensors")


def check_config(path: Path) -> None:
    """Raise ModelError where a model's `config.json` asks for what is not given."""
    config = read_object(path)
    for key, value, _ in entries(config):
        if key in ELSEWHERE and value:
            _refuse(path, f"{key} is set", "Such a model is not loaded; remove it if the weights are whole without it.")
        if key.strip("_").removesuffix("_internal") in KERNELS and _other_kernel(value):
            _refuse(path, f"{key} is {value!r}", f"One of {', '.join(OWN_KERNELS)} is expected, or none.")
        most = MOST_LABELS if key in LABELS else MOST_LAYERS if DEPTHS.fullmatch(key) else MOST_SIZE
        for number in _leaves(value):
            if type(number) is int and abs(number) > most:
                _refuse(path, f"{key} is {_short(number)}", f"At most {most:,} is expected.")
        if key in BLOCKS:
            named = sum(abs(one) if type(one) is int else 1 for one in _leaves(value))
            if named > MOST_LAYERS:
                _refuse(path, f"{key} comes to {_short(named)}", f"At most {MOST_LAYERS:,} layers are expected.")
    kind = config.get("model_type")
    if isinstance(kind, str) and _known_to_transformers(kind) and kind not in ARCHITECTURES:
        _refuse(
            path,
            f"the model's type is {kind!r}, which is none that is loaded",
            "Models of text alone are, such as bert, roberta, deberta-v2, modernbert, gpt2, llama, qwen2, bart and t5.",
        )
    _check_tokenizer_class(path, config.get("tokenizer_class"))


def check_tokenizer_config(path: Path) -> None:
    """Raise ModelError where a `tokenizer_config.json` points elsewhere, or names a class that is no tokenizer."""
    config = read_object(path)
    whole = (path.parent / WHOLE).exists()
    passed_over = (*PASSED_OVER, "name_or_path", *(PASSED_OVER_THEN if whole else ()))
    for key, value, _ in entries(config):
        if key.endswith(("_file", "_path")) and key not in passed_over and value is not None:
            _refuse(path, f"{key} names {str(value)[:200]!r}", "A tokenizer's files lie in its folder; remove it.")
    names = config.get("fast_tokenizer_files") or []
    if not isinstance(names, list) or not all(isinstance(one, str) and TOKENIZER_FILE.fullmatch(one) for one in names):
        _refuse(path, "fast_tokenizer_files names other files", "Names such as tokenizer.json are expected.")
    for key in ("init_inputs", "vocab", "merges", "tokenizer_object"):
        if config.get(key):
            _refuse(path, f"{key} is set", "A tokenizer's vocabulary is expected in tokenizer.json.")
    _check_tokenizer_class(path, config.get("tokenizer_class"))


def check_index(path: Path) -> tuple[str, ...]:
    """The names of the shards in a weight index, sorted. Raises ModelError unless each is a plain name."""
    index = read_object(path)
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places or not isinstance(index.get("metadata", {}), dict):
        _refuse(path, "it has no weight_map", "Save the model again, whole.")
    for name in places.values():
        if not isinstance(name, str) or not SHARD.fullmatch(name):
            _refuse(path, f"a shard is named {str(name)[:200]!r}", "The name of a .safetensors file there is expected.")
    return tuple(sorted(set(places.values())))


def _leaves(value: Any) -> Iterator[Any]:
    """A value itself, or all that is in a list and the lists in it; what is in objects has keys of its own."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(one)
        elif not isinstance(one, dict):
            yield one


def _short(number: int) -> str:
    """A whole number of any size; more digits than a float has would raise."""
    return f"{max(min(number, 10**99), -(10**99)):.3g}"


def _other_kernel(value: Any) -> bool:
    values = value.values() if isinstance(value, dict) else [value]
    return any(one is not None and one not in OWN_KERNELS for one in values)


def _known_to_transformers(kind: str) -> bool:
    """Others are refused by transformers itself, or have no class for sequences, which is said elsewhere."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as KINDS

    return kind in KINDS


def _check_tokenizer_class(path: Path, name: Any) -> None:
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    if name is None:
        return
    known = {str(TOKENIZER_MAPPING_NAMES.get(kind)).removesuffix("Fast") for kind in ARCHITECTURES}
    known |= {*GENERIC, *OF_BEFORE}
    if not isinstance(name, str) or not TOKENIZER_CLASS.fullmatch(name) or name.removesuffix("Fast") not in known:
        _refuse(path, f"tokenizer_class is {str(name)[:200]!r}", "A tokenizer of transformers for text is expected.")


def _refuse(path: Path, what: str, remedy: str) -> NoReturn:
    raise ModelError(f"{path.parent}: {path.name} cannot be used: {what}. {remedy}")
