"""A model's folder, or its files from the hub, checked before transformers reads them: they may be anybody's.

Files that are not known here are read by nobody. Those that are known must lie in the folder, be of bounded size, ask
for nothing elsewhere (`declarations.py`), and hold their weights as safetensors whose headers are sound.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lightune.errors import ModelError
from lightune.models.declarations import (
    CONFIG,
    INDEX,
    TOKENIZER_CONFIG,
    WHOLE,
    check_config,
    check_index,
    check_tokenizer_config,
)
from lightune.models.strict_files import MOST_TEXT, Declared, check_place, check_size, read_header, read_object

WEIGHTS, ADAPTER_CONFIG = "model.safetensors", "adapter_config.json"
CHECKS: dict[str, Callable[[Path], object]] = {
    CONFIG: check_config,
    TOKENIZER_CONFIG: check_tokenizer_config,
    INDEX: check_index,
    "generation_config.json": read_object,
    "special_tokens_map.json": read_object,
    "added_tokens.json": read_object,
    "processor_config.json": read_object,
    "preprocessor_config.json": read_object,
}
# Read by tokenizers and by transformers' own code, none of which follows what is in them.
TEXTS = (
    "tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", "bpe.codes", "tokenizer.model", "spiece.model",
    "sentencepiece.bpe.model", "spm.model", "tekken.json", "entity_vocab.json", "chat_template.jinja",
    "chat_template.json",
)  # fmt: skip
TEMPLATES = "additional_chat_templates"
# Weights of other kinds: pickles, or what is not read here.
OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.h5", "*.msgpack", "*.gguf", "*.npz")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
# What an untrained model may have, whose size nothing in its folder bears out: 8 GB in float32.
MOST_DRAWN = 2**31


def check_model_folder(folder: Path) -> None:
    """Raise ModelError, before anything else reads it, for a folder that is not to be loaded."""
    if (folder / ADAPTER_CONFIG).exists() and (folder / CONFIG).exists():
        raise ModelError(
            f"{folder}: it holds a model and an adapter ({ADAPTER_CONFIG}), and transformers would put one on the "
            "other. Keep them in folders of their own."
        )
    for name, check in CHECKS.items():
        if _there(folder / name):
            check_place(folder / name)
            check(folder / name)
    for name in TEXTS:
        if _there(folder / name):
            check_place(folder / name)
            check_size(folder / name, MOST_TEXT)
    for path in (folder / TEMPLATES).glob("*.jinja"):
        check_place(path, folder)
        check_size(path, MOST_TEXT)
    weights = (WEIGHTS,) if _there(folder / WEIGHTS) else check_index(folder / INDEX) if _there(folder / INDEX) else ()
    for name in weights:
        check_place(folder / name)
    if not weights:
        _check_untrained(folder)


def check_hub_files(location: str) -> None:
    """The same for the small files of a model on the hub, which are fetched into its cache. Raises ModelError.

    What the hub does not give is passed over: whoever reads it next says so.
    """
    for name, check in CHECKS.items():
        path = _hub_file(location, name)
        if name == TOKENIZER_CONFIG and path is not None:
            _hub_file(location, WHOLE)  # what may be in the one depends on whether the other is there
        if path is not None:
            check(path)
        elif name == CONFIG:
            return
    if _hub_file(location, ADAPTER_CONFIG) is not None:
        raise ModelError(
            f"--model {location}: the hub has a model and an adapter ({ADAPTER_CONFIG}) there, and transformers would "
            "put one on the other. Name the base model."
        )


def weight_files(location: str) -> tuple[Path, ...]:
    """The files that hold the weights of a model in a folder or, once fetched, of the hub; none where there are none.

    Raises ModelError for an index that points elsewhere.
    """
    folder = Path(location)

    def find(name: str) -> Path | None:
        return folder / name if folder.is_dir() else _hub_file(location, name)

    single = find(WEIGHTS)
    if single is not None and single.exists():
        return (single,)
    index = find(INDEX)
    if index is None or not index.exists():
        return ()
    paths = [(name, find(name)) for name in check_index(index)]
    absent = next((name for name, path in paths if path is None or not path.exists()), None)
    if absent is not None:
        raise ModelError(f"{index}: {absent}, which it names, is not there. Fetch or save the model again, whole.")
    return tuple(path for _, path in paths if path is not None)


def declared_weights(location: str) -> dict[str, Declared]:
    """All tensors that a model's files declare, by name; no number is read. Raises ModelError for unsound headers."""
    found: dict[str, Declared] = {}
    for path in weight_files(location):
        check_place(path)
        for name, declared in read_header(path).items():
            if name in found:
                raise ModelError(f"{path}: the tensor {name} is in another shard too. Save the model again, whole.")
            found[name] = declared
    return found


def _there(path: Path) -> bool:
    """Whether a file, or a link to anything or nothing, has this name."""
    return path.exists() or path.is_symlink()


def _check_untrained(folder: Path) -> None:
    """A folder without weights has them drawn, but not where it holds some that are not read."""
    odd = sorted({path.name for pattern in OTHER_WEIGHTS for path in folder.glob(pattern)} - {"training_args.bin"})
    if odd:
        pickle = odd[0].endswith(PICKLES)
        what = "the weights are a pickle" if pickle else "the weights are of another kind"
        why = ", which can run code when loaded" if pickle else ""
        raise ModelError(f"{folder}: {what} ({odd[0]}){why}; save the model as safetensors first.")
    shards = sorted(path.name for path in folder.glob("model*.safetensors"))
    if shards:
        raise ModelError(f"{folder}: it holds {shards[0]} and no {INDEX}. Fetch or save the model again, whole.")


def _hub_file(location: str, name: str) -> Path | None:
    """A file of a model on the hub, fetched where it is not in the cache; None where it cannot be had."""
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(
            location,
            name,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except (OSError, ValueError):
        return None
    return None if found is None else Path(found)
