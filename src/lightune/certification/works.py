"""Which methods work on an architecture: tried, not listed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from lightune.artifacts import head_tensors
from lightune.catalogue import METHODS, Method
from lightune.errors import LightuneError
from lightune.fresh import fresh_processes
from lightune.methods import (
    CHANGES_BASE,
    after_step,
    as_plain_lora,
    attach,
    factors,
    initialise_from_texts,
    load_adapter,
    save_adapter,
    stock_route,
    trainable_parameters,
    why_not_here,
)
from lightune.models import count_own_tokens, head_modules, shrunk_classifier
from lightune.training import observe, tensor_digests

STEPS, RATE, TOLERANCE = 3, 1e-2, 1e-5
LABELS = 3
LENGTHS = (12, 5, 9, 3)


@dataclass(frozen=True)
class Tried:
    """How a method did on an architecture. reason: why it does not work. trained: parameters on the shrunk model, the
    head's among them. stock_route: as an arm gives it. difference: between a new process's logits and ours."""

    name: str
    works: bool
    reason: str | None
    trained: int = 0
    stock_route: str | None = None
    difference: float | None = None


class _Fails(LightuneError):
    """A method that was tried and does not work."""


def try_methods(config: PreTrainedConfig, told: Callable[[Tried], None] | None = None) -> list[Tried]:
    """Try each method of the catalogue on the architecture of `config`: a model of its width with few blocks.

    A method works when three steps change parameters other than the head's and leave the base as it is to the bit, a
    text's answer is the same alone and in a batch, and a fresh process loads what was saved and answers the same within
    1e-5. told: hears of each when it is done.
    """
    found = []
    for method in METHODS.values():
        found.append(try_method(config, method))
        if told is not None:
            told(found[-1])
    return found


def try_method(config: PreTrainedConfig, method: Method) -> Tried:
    """Try one method; see `try_methods`."""
    # What cannot be an arm may get through: three steps do not show that a text's answer hangs on its neighbours.
    hindered = method.refused or why_not_here(method)
    if hindered is not None:
        return Tried(method.name, False, hindered)
    if method.quantised:
        return Tried(method.name, False, "its base is held in 4 bits by a run alone, so it is not tried here")
    try:
        return _tried(config, method)
    except LightuneError as error:
        reason = str(error).rstrip(".").removeprefix(f"{method.title} cannot be put on this model: ")
    except Exception as error:
        # A tuner that does not fit an architecture raises whatever it trips over.
        said = " ".join(str(error).split())[:160]
        reason = f"peft fails on this architecture ({type(error).__name__}: {said})"
    return Tried(method.name, False, reason)


def recall_shrunk(config: str, folder: str, head: list[str], rows: str, answers: str) -> None:
    """What the fresh process does: the same base from the same seed, the adapter from disk, logits to `answers`."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoConfig

    model = shrunk_classifier(AutoConfig.from_pretrained(config), LABELS)
    beside = Path(folder) / "beside.safetensors"
    if beside.exists():
        with torch.no_grad():
            for name, tensor in load_file(beside).items():
                model.get_parameter(name).copy_(tensor)
    loaded: nn.Module = model
    if (Path(folder) / "adapter_config.json").exists():
        loaded = count_own_tokens(load_adapter(model, Path(folder)))
    batch = {name: tensor for name, tensor in load_file(rows).items() if name != "labels"}
    assert head is not None
    save_file({"logits": _logits(loaded, batch)}, answers)


def _tried(config: PreTrainedConfig, method: Method) -> Tried:
    model = shrunk_classifier(config, LABELS)
    # What a language model's checkpoint lacks belongs to the head, and a pooler is such a thing.
    head = head_modules(model, [name for name, _ in model.named_parameters() if ".pooler." in name])
    batch = _batch(int(model.config.vocab_size), model.config)
    adapted = attach(model, head, method, steps=STEPS)
    if method.options.get("init_lora_weights") == "eva":
        initialise_from_texts(adapted, [{name: batch[name] for name in ("input_ids", "attention_mask")}])
    before, first = tensor_digests(adapted), factors(adapted)
    _train(adapted, method, batch)
    seen = observe(adapted, head, before)
    if seen.adapter_changed == 0:
        raise _Fails("three steps change nothing but the head")
    if seen.frozen_changed > 0:
        raise _Fails(f"three steps change {seen.frozen_changed} tensors of the frozen base")
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    if method.options.get("init_lora_weights") in CHANGES_BASE:
        adapted = as_plain_lora(adapted, first, shrunk_classifier(config, LABELS), head)
    logits = _logits(adapted, inputs)
    alone = torch.cat([_logits(adapted, _row(inputs, at, length)) for at, length in enumerate(LENGTHS)])
    apart = float((alone - logits).abs().max())
    if not apart <= TOLERANCE:
        raise _Fails(f"a text's answer depends on the texts beside it (logits differ by {apart:.1g})")
    difference = float((_reloaded(adapted, method, config, head, inputs) - logits).abs().max())
    if not difference <= TOLERANCE:
        raise _Fails(f"what a fresh process loads answers otherwise (logits differ by {difference:.1g})")
    return Tried(method.name, True, None, trainable_parameters(adapted)[0], stock_route(adapted, method), difference)


def _reloaded(
    adapted: nn.Module, method: Method, config: PreTrainedConfig, head: tuple[str, ...], inputs: dict[str, Tensor]
) -> Tensor:
    from safetensors.torch import load_file, save_file

    with tempfile.TemporaryDirectory(prefix="lightune-") as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(config.to_dict(), default=str), encoding="utf-8")
        if method.peft is None:
            trained = {own: value.detach() for own, value in adapted.named_parameters() if value.requires_grad}
            save_file(trained, folder / "beside.safetensors")
        else:
            save_adapter(adapted, folder, "")
            if not method.saves_head:
                save_file(head_tensors(adapted, head), folder / "beside.safetensors")
        save_file({own: value.contiguous() for own, value in inputs.items()}, folder / "rows.safetensors")
        paths = {"config": name, "folder": name, "rows": f"{name}/rows.safetensors", "answers": f"{name}/answers"}
        fresh_processes().call("lightune.certification.works:recall_shrunk", head=list(head), **paths)
        return load_file(f"{name}/answers")["logits"]


def _batch(vocabulary: int, config: Any) -> dict[str, Tensor]:
    """Rows of random tokens of different lengths, padded on the right, with labels; encoder-decoders want an end."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, vocabulary, (len(LENGTHS), max(LENGTHS)), generator=generator)
    mask = torch.zeros_like(ids)
    for at, length in enumerate(LENGTHS):
        mask[at, :length] = 1
        if config.is_encoder_decoder:
            ids[at, length - 1] = config.eos_token_id
    ids = ids.masked_fill(mask == 0, config.pad_token_id)
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.arange(len(LENGTHS)) % LABELS}


def _row(batch: dict[str, Tensor], at: int, length: int) -> dict[str, Tensor]:
    return {name: tensor[at : at + 1, :length] for name, tensor in batch.items()}


def _train(model: nn.Module, method: Method, batch: dict[str, Tensor]) -> None:
    values = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(values, lr=RATE, weight_decay=0.0)
    hook = after_step(model)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    model.train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for step in range(STEPS):
            output = model(**inputs, labels=batch["labels"]) if method.own_loss else model(**inputs)
            loss = output.loss if method.own_loss else nn.functional.cross_entropy(output.logits, batch["labels"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if hook is not None:
                hook(step)
    model.eval()


def _logits(model: nn.Module | PreTrainedModel, inputs: dict[str, Tensor]) -> Tensor:
    model.eval()
    with torch.inference_mode():
        return model(**inputs).logits.clone()  # type: ignore[no-any-return]
