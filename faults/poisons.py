"""Artefacts with something wrong in them, each made from a real, tiny one. Texts in them are made up; nothing in them
does harm: code that should never run would leave a file called `ran`."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REFUSED, IGNORED, UNVERIFIED = "refused", "ignored", "unverified"
BIG = 10**9


@dataclass(frozen=True)
class Place:
    """folder: the artefact to poison. outside: a folder beside it with a model, files and a module of its own. ran:
    what code that should not run leaves there."""

    folder: Path
    outside: Path
    ran: Path


@dataclass(frozen=True)
class Poison:
    """of: which real artefact it is made from. expected: how the command takes it. accepts: without the guards it does
    harm, or is taken for good. other_base: it names another base, which is looked at to see that it is another."""

    name: str
    of: str
    make: Callable[[Place], object]
    expected: str = REFUSED
    accepts: bool = False
    other_base: bool = False


def save_model(folder: Path, seed: int = 0) -> Path:
    """A tiny GPT-2 with a head of two labels and a tokenizer, as transformers saves it."""
    import torch
    from transformers import AutoTokenizer, GPT2Config, GPT2ForSequenceClassification

    from lightune.models import embedded_folder

    tokenizer = AutoTokenizer.from_pretrained(str(embedded_folder()))
    torch.manual_seed(seed)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=2, pad_token_id=0)
    config.id2label, config.label2id = {0: "bad", 1: "good"}, {"bad": 0, "good": 1}
    GPT2ForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_stock_adapter(folder: Path, base: Path) -> Path:
    """LoRA on `base`, as peft saves it."""
    import peft
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(str(base))
    config = peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["c_attn"], fan_in_fan_out=True)
    peft.get_peft_model(model, config).save_pretrained(str(folder))
    return folder


# ------------------------------------------------------------------------------------------------------------- changes


def edit(name: str, **changes: Any) -> Callable[[Place], object]:
    """Change keys of a JSON file."""

    def change(place: Place) -> None:
        path = place.folder / name
        values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        filled = json.loads(json.dumps(changes).replace("OUTSIDE", str(place.outside)))
        path.write_text(json.dumps({**values, **filled}), encoding="utf-8")

    return change


def tensors(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Place], object]:
    """Change the tensors of a file."""

    def spoil(place: Place) -> None:
        from safetensors.torch import load_file, save_file

        found = {key: tensor.clone() for key, tensor in load_file(place.folder / name).items()}
        change(found)
        save_file(found, place.folder / name, {"format": "pt"})

    return spoil


def nan(found: dict[str, Any]) -> None:
    """One number that is none: the last of the largest, which in a model belongs to a token that no text here has."""
    found[max(found, key=lambda name: found[name].numel())].view(-1)[-1] = float("nan")


def half(found: dict[str, Any]) -> None:
    """Every other tensor."""
    for name in sorted(found)[::2]:
        del found[name]


def header(text: bytes, length: int | None = None, body: bytes = b"") -> Callable[[Place], object]:
    """Weights with this header."""

    def write(place: Place) -> None:
        size = struct.pack("<Q", len(text) if length is None else length)
        (place.folder / "model.safetensors").write_bytes(size + text + body)

    return write


def link(name: str) -> Callable[[Place], object]:
    """Have a file be a link to the one of that name outside."""

    def replace(place: Place) -> None:
        target = place.outside / name
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            shutil.copyfile(place.folder / name, target)
        (place.folder / name).unlink(missing_ok=True)
        (place.folder / name).symlink_to(target)

    return replace


def pickled(name: str) -> Callable[[Place], object]:
    """A pickle that runs code when loaded, in place of the weights."""

    def write(place: Place) -> None:
        import pickle

        class Runs:
            def __reduce__(self) -> tuple[Any, ...]:
                return exec, (f"open({str(place.ran)!r}, 'w').close()",)

        for path in place.folder.glob("*.safetensors"):
            path.unlink()
        (place.folder / name).write_bytes(pickle.dumps(Runs()))

    return write


def shards(target: str) -> Callable[[Place], object]:
    """An index whose only shard is named so; the file itself is gone from the folder."""

    def write(place: Place) -> None:
        from safetensors import safe_open

        with safe_open(place.folder / "model.safetensors", "pt") as held:
            names = list(held.keys())
        (place.folder / "model.safetensors").unlink()
        named = target.replace("OUTSIDE", str(place.outside))
        index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, named)}
        (place.folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")

    return write


def both(*changes: Callable[[Place], object]) -> Callable[[Place], object]:
    """One after the other."""
    return lambda place: [change(place) for change in changes]


def write(name: str, content: bytes) -> Callable[[Place], object]:
    """A file of that content."""
    return lambda place: (place.folder / name).write_bytes(content)


def code(place: Place) -> None:
    """A module beside the model that leaves the file `ran`, with classes of the names that configurations give."""
    body = f"open({str(place.ran)!r}, 'w').close()\nfrom transformers import GPT2Config as Odd\n"
    (place.folder / "odd.py").write_text(body, encoding="utf-8")


def pipe(place: Place) -> None:
    """A configuration that nobody ever writes."""
    (place.folder / "config.json").unlink()
    os.mkfifo(place.folder / "config.json")


def loop(place: Place) -> None:
    """A link that leads to itself."""
    (place.folder / "tokenizer.json").unlink()
    (place.folder / "tokenizer.json").symlink_to("tokenizer.json")


def other_base(digest: bool) -> Callable[[Place], object]:
    """The manifest and the adapter name another base of the same shape; digest: and the old hash."""

    def swap(place: Place) -> None:
        path = place.folder / "lightune.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["base"]["location"] = str(place.outside / "model")
        if not digest:
            manifest["base"]["digest"] = None
        path.write_text(json.dumps(manifest), encoding="utf-8")
        edit("adapter_config.json", base_model_name_or_path="OUTSIDE/model")(place)

    return swap


def inner_base(location: str) -> Callable[[Place], object]:
    """The base is said to lie in the artefact's folder, by a path that leaves it."""

    def name(place: Place) -> None:
        path = place.folder / "lightune.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["base"] |= {"location": location, "digest": None}
        path.write_text(json.dumps(manifest), encoding="utf-8")
        edit("adapter_config.json", base_model_name_or_path=location)(place)

    return name
