"""Format `adapter`: what stock peft loads on its base; with the base in it, a pair that can be moved."""

from __future__ import annotations

import filecmp
import json
import shutil
from dataclasses import replace
from pathlib import Path

from lightune.artifacts import ADAPTER, INSIDE, BaseModel, find_base, write_manifest
from lightune.errors import ModelError
from lightune.exports.checking import SAME_STEPS, check, check_in_lightune, check_stock, stock_tokens
from lightune.exports.origin import Origin
from lightune.exports.tokenizers import write_tokenizer
from lightune.methods import stock_adapter, stock_route_of
from lightune.models import ModelSource, find_model, stock_classifier, weights_digest
from lightune.records import Check

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
BASE_FOLDER = "base"
# A base's own files: never a pickle, never code.
BASE_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "LICENSE*", "NOTICE*")


def write_adapter(origin: Origin, folder: Path, with_base: bool) -> None:
    """Write the adapter's own weights, the tokenizer and the manifest; with_base: the base in `base/` too.

    The adapter names its base as `./base` then: lightune looks for that in the adapter's folder, stock peft in the
    working folder. It is no name that the hub could hold, so that nobody's model of the name is fetched by mistake.
    Raises ModelError where there is no adapter, or nothing that stock peft could load as its base.
    """
    source = adapter_base(origin)
    config = json.loads((origin.folder / CONFIG).read_text(encoding="utf-8"))
    location = INSIDE + BASE_FOLDER if with_base else source.location
    config["base_model_name_or_path"] = location
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    shutil.copyfile(origin.folder / WEIGHTS, folder / WEIGHTS)
    write_tokenizer(origin, folder)
    base = origin.manifest.base
    assert base is not None
    if with_base:
        copy_base(source, folder / BASE_FOLDER)
        copied = find_model(str(folder / BASE_FOLDER))
        base = BaseModel(base.name, location, weights_digest(copied))
        if source.is_local and base.digest != weights_digest(source):
            raise ModelError(f"{source.location}: its weights changed while they were copied. Export again.")
    else:
        base = replace(base, location=location)
    write_manifest(folder, replace(origin.manifest, base=base))


def adapter_base(origin: Origin) -> ModelSource:
    """Find the adapter's base. Raises ModelError where the arm has no adapter or its base no weights."""
    if origin.manifest.kind != ADAPTER:
        raise ModelError(
            f"--format adapter: the arm {origin.manifest.arm} is no adapter but a whole model; export it with "
            "--format merged."
        )
    route = stock_route_of(origin.scorer.model)
    if route != "adapter":
        why = route.removeprefix("none: ") if route != "merged" else "its base's layers were turned into Linear first"
        raise ModelError(
            f"--format adapter: stock peft cannot load this adapter on the base as it is: {why}."
            + (" Export it with --format merged." if route == "merged" else "")
        )
    source = find_base(origin.folder, origin.manifest)
    if source.untrained:
        raise ModelError(
            f"--format adapter: the base's folder {source.location} holds no weights that stock peft could load; "
            "export with --format merged."
        )
    return source


def copy_base(source: ModelSource, folder: Path) -> None:
    """Copy the base's files as they are. A hub's base is taken from the files that were fetched for it."""
    place = Path(source.location)
    if not source.is_local:
        from huggingface_hub import snapshot_download

        place = Path(snapshot_download(source.location, allow_patterns=list(BASE_FILES)))
    folder.mkdir()
    for pattern in BASE_FILES:
        for path in sorted(place.glob(pattern)):
            shutil.copyfile(path, folder / path.name)


def check_adapter(origin: Origin, folder: Path, with_base: bool) -> list[Check]:
    """By lightune, and by stock peft on a stock base, text by text."""
    tokens, read = stock_tokens(origin, folder)
    location = str(folder / BASE_FOLDER) if with_base else adapter_base(origin).location
    labels = len(origin.manifest.label_names)
    pad_id = int(origin.encoder.tokenizer.pad_token_id)
    base = stock_classifier(location, num_labels=labels, pad_token_id=pad_id, ignore_mismatched_sizes=True)
    stock = check_stock("peft", stock_adapter(base, folder), origin, tokens, SAME_STEPS)
    same = filecmp.cmp(origin.folder / WEIGHTS, folder / WEIGHTS, shallow=False)
    weights = check("weights", "bytes of the adapter's file that differ, any", 0 if same else 1, 0)
    return [read, weights, check_in_lightune(origin, folder, SAME_STEPS), stock]
