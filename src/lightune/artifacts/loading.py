"""From an artefact's folder back to a classifier: lightune's own, a stock peft adapter, a stock transformers model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file as load_numbers
from safetensors.torch import load_file
from torch import nn

from lightune.artifacts.manifest import (
    ADAPTER,
    BASE,
    DELTA,
    INSIDE,
    MAJORITY,
    MANIFEST,
    MODEL,
    ONNX,
    PLUGIN,
    PROBE,
    TFIDF,
    ZERO_SHOT,
    Manifest,
    read_manifest,
)
from lightune.artifacts.saving import DELTA_FILE, HEAD_FILE, NUMBERS_FILE, TERMS_FILE
from lightune.compute import (
    BagOfWords,
    Constant,
    Encoder,
    Linear,
    ModelScorer,
    OnnxScorer,
    ProbeScorer,
    Scorer,
    ZeroShotScorer,
)
from lightune.config import EMBEDDED, POOLINGS, TRUNCATIONS
from lightune.errors import ModelError
from lightune.methods import adapter_config, bias_names, is_adapter, linear_layers, load_adapter
from lightune.models import (
    NF4,
    Classifier,
    ModelSource,
    checkpoint_labels,
    count_own_tokens,
    find_model,
    load_classifier,
    load_language_model,
    load_tokenizer,
    quantise,
    resolve_max_length,
    weights_digest,
)
from lightune.plugins import load_plugin_scorer

# What the last layer of a classification head is called.
HEAD_ENDS = ("score", "classifier", "out_proj")


@dataclass(frozen=True)
class Artifact:
    """A classifier from disk. verified: it has lightune's manifest, and its base is the one named there."""

    scorer: Scorer
    label_names: tuple[str, ...]
    verified: bool
    manifest: Manifest | None


def is_artifact(folder: Path) -> bool:
    """Whether `folder` holds something that `load_artifact` reads."""
    return (folder / MANIFEST).exists() or is_adapter(folder) or (folder / "config.json").exists()


def load_artifact(folder: Path) -> Artifact:
    """Load what lies in `folder`. Raises ModelError with a sentence when it cannot be used."""
    if (folder / MANIFEST).exists():
        return _load_own(folder, read_manifest(folder))
    if is_adapter(folder):
        return _load_stock_adapter(folder)
    if (folder / "config.json").exists():
        return _load_stock_model(folder)
    raise ModelError(
        f"{folder}: an artefact is expected (lightune.json, adapter_config.json or config.json), but none is there."
    )


def _load_own(folder: Path, manifest: Manifest) -> Artifact:
    return Artifact(_LOADERS[manifest.kind](folder, manifest), manifest.label_names, True, manifest)


def find_base(folder: Path, manifest: Manifest) -> ModelSource:
    """The base that the manifest of the artefact in `folder` names, with the weights it names. Raises ModelError."""
    assert manifest.base is not None
    location = manifest.base.location
    embedded = manifest.base.name == EMBEDDED and not location.startswith(INSIDE)
    source = _find_base(folder, EMBEDDED if embedded else location)
    if manifest.base.digest is not None and weights_digest(source) != manifest.base.digest:
        raise ModelError(
            f"{folder}: it was trained on {manifest.base.name}, but the weights there now are others (their SHA-256 "
            "differs). Put the old base back, or train again."
        )
    return source


def _classifier(folder: Path, manifest: Manifest) -> tuple[Classifier, Encoder]:
    base = load_classifier(find_base(folder, manifest), manifest.label_names, manifest.seed)
    return base, _encoder(base.tokenizer, manifest)


def _encoder(tokenizer: Any, manifest: Manifest) -> Encoder:
    return Encoder(tokenizer, *_limit(manifest))


def _limit(manifest: Manifest) -> tuple[int, str]:
    """The cut of long texts: tokens, and which end stays. Raises ModelError for a manifest without."""
    if manifest.max_length is None or manifest.truncate not in TRUNCATIONS:
        raise ModelError(f"{MANIFEST}: a {manifest.kind} artefact needs max_length and truncate. Make it again.")
    return manifest.max_length, manifest.truncate


def _setting(manifest: Manifest, name: str) -> Any:
    if name not in manifest.settings:
        raise ModelError(f"{MANIFEST}: a {manifest.kind} artefact needs the setting {name!r}. Make it again.")
    return manifest.settings[name]


def _load_adapter(folder: Path, manifest: Manifest) -> Scorer:
    base, encoder = _classifier(folder, manifest)
    _check_base(folder, manifest)
    if manifest.head is not None:
        _copy_tensors(base, folder / manifest.head, _head_names(base))
    if manifest.settings.get("quantised") == NF4:
        quantise(base.model, linear_layers(base.model, base.head.modules))
    # Not so a stock adapter: an encoder's prompt was trained there with a virtual token for the pooled one.
    return ModelScorer(count_own_tokens(_with_adapter(base, folder)), encoder)


def _check_base(folder: Path, manifest: Manifest) -> None:
    """Refuse an adapter whose own files name different bases: stock peft would put it on the other one."""
    assert manifest.base is not None
    named = adapter_config(folder).base_model_name_or_path
    if named != manifest.base.location:
        raise ModelError(
            f"{folder}: its adapter_config.json names the base {named}, its {MANIFEST} {manifest.base.location}, and "
            "only one of them can be the base it was trained on. Train again."
        )


def _load_delta(folder: Path, manifest: Manifest) -> Scorer:
    base, encoder = _classifier(folder, manifest)
    names = {*bias_names(base.model, base.head.modules), *_head_names(base)}
    _copy_tensors(base, folder / DELTA_FILE, names)
    return ModelScorer(base.model, encoder)


def _head_names(base: Classifier) -> set[str]:
    modules = {name: base.model.get_submodule(name) for name in base.head.modules}
    return {f"{name}.{own}" for name, module in modules.items() for own, _ in module.named_parameters()}


def _load_base(folder: Path, manifest: Manifest) -> Scorer:
    base, encoder = _classifier(folder, manifest)
    if manifest.head is not None:
        _copy_tensors(base, folder / HEAD_FILE, set(base.head.drawn))
    return ModelScorer(base.model, encoder)


def _load_model(folder: Path, manifest: Manifest) -> Scorer:
    base = load_classifier(find_model(str(folder)), manifest.label_names, manifest.seed)
    if not base.head.trained:
        raise ModelError(f"{folder}: its weights hold no head for its labels. Train again.")
    return ModelScorer(base.model, _encoder(base.tokenizer, manifest))


def _load_onnx(folder: Path, manifest: Manifest) -> Scorer:
    tokenizer = load_tokenizer(find_model(str(folder)))
    return OnnxScorer(folder / str(_setting(manifest, "graph")), _encoder(tokenizer, manifest))


def _load_majority(folder: Path, manifest: Manifest) -> Scorer:
    return Constant(_numbers(folder, {"shares": (len(manifest.label_names),)})["shares"])


def _load_tfidf(folder: Path, manifest: Manifest) -> Scorer:
    path = folder / TERMS_FILE
    try:
        terms = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: it cannot be read ({error}). Train again.") from error
    labels = len(manifest.label_names)
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        raise ModelError(f"{path}: a list of terms is expected. Train again.")
    shapes = {"idf": (len(terms),), "weight": (labels, len(terms)), "bias": (labels,)}
    numbers = _numbers(folder, shapes)
    return BagOfWords.of(terms, numbers["idf"], Linear(numbers["weight"], numbers["bias"]))


def _load_probe(folder: Path, manifest: Manifest) -> Scorer:
    base, encoder = _classifier(folder, manifest)
    labels = len(manifest.label_names)
    numbers = _numbers(folder, {"weight": (labels, int(base.model.config.hidden_size)), "bias": (labels,)})
    linear = Linear(numbers["weight"], numbers["bias"])
    pooling = _setting(manifest, "pooling")
    if pooling not in POOLINGS:
        raise ModelError(f"{folder}: pooling by {' or '.join(POOLINGS)} is expected, got {pooling!r}. Make it again.")
    return ProbeScorer(base.model, encoder, pooling, linear)


def _load_zero_shot(folder: Path, manifest: Manifest) -> Scorer:
    language = load_language_model(find_base(folder, manifest))
    templates, words, calibration = (_setting(manifest, name) for name in ("templates", "words", "calibration"))
    return ZeroShotScorer(
        language, tuple(templates), tuple(tuple(own) for own in words), bool(calibration), *_limit(manifest)
    )


def _load_plugin(folder: Path, manifest: Manifest) -> Scorer:
    """What an installed package's arm saved, by the `load` of the class behind its entry point."""
    scorer: Scorer = load_plugin_scorer(manifest.arm, folder)
    return scorer


_LOADERS: dict[str, Callable[[Path, Manifest], Scorer]] = {
    ADAPTER: _load_adapter,
    DELTA: _load_delta,
    BASE: _load_base,
    MODEL: _load_model,
    MAJORITY: _load_majority,
    TFIDF: _load_tfidf,
    PROBE: _load_probe,
    ZERO_SHOT: _load_zero_shot,
    PLUGIN: _load_plugin,
    ONNX: _load_onnx,
}


def _numbers(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float64]]:
    """The artefact's arrays, of just these names and shapes, finite."""
    path = folder / NUMBERS_FILE
    try:
        found = load_numbers(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: it cannot be read ({error}). Train again.") from error
    for name, shape in shapes.items():
        if name not in found or found[name].shape != shape or not np.isfinite(found[name]).all():
            seen = f"{found[name].shape}" if name in found else "none"
            raise ModelError(f"{path}: {name} of shape {shape}, finite, is expected, got {seen}. Train again.")
    return {name: np.asarray(found[name], dtype=np.float64) for name in shapes}


def _find_base(folder: Path, location: str) -> ModelSource:
    try:
        return find_model(str(folder / location) if location.startswith(INSIDE) else location)
    except ModelError as error:
        raise ModelError(
            f"{folder}: its base model is expected at {location}, but cannot be used there. "
            "Put it back, or train again."
        ) from error


def _with_adapter(base: Classifier, folder: Path) -> nn.Module:
    try:
        return load_adapter(base.model, folder)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder}: the adapter's tensors cannot be read ({error}).") from error


def _copy_tensors(base: Classifier, path: Path, names: set[str]) -> None:
    """Copy the tensors in `path`, just those called `names`, into the base. Raises ModelError."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: its tensors cannot be read ({error}).") from error
    if set(tensors) != names:
        odd = sorted(set(tensors) ^ names)
        raise ModelError(f"{path}: {len(names)} tensors are expected, {odd[0]} is missing or does not belong there.")
    with torch.no_grad():
        for name, tensor in tensors.items():
            parameter = base.model.get_parameter(name)
            if tensor.shape != parameter.shape:
                raise ModelError(
                    f"{path}: {name} of shape {tuple(parameter.shape)} is expected, got {tuple(tensor.shape)}."
                )
            if not bool(torch.isfinite(tensor).all()):
                raise ModelError(f"{path}: finite numbers are expected, but {name} has others. Train again.")
            parameter.copy_(tensor)


def _load_stock_adapter(folder: Path) -> Artifact:
    """An adapter that stock peft saved: the base it names, as many labels as its head has rows."""
    config = adapter_config(folder)
    if config.task_type != "SEQ_CLS":
        raise ModelError(f"{folder}: an adapter for SEQ_CLS is expected, but this one is for {config.task_type}.")
    source = _find_base(folder, str(config.base_model_name_or_path))
    count = _head_rows(folder)
    names = tuple(checkpoint_labels(source.config))
    names = names if len(names) == count else tuple(f"LABEL_{index}" for index in range(count))
    base = load_classifier(source, names, seed=0)
    encoder = Encoder(base.tokenizer, resolve_max_length(None, source.config, base.tokenizer), "head")
    return Artifact(ModelScorer(_with_adapter(base, folder), encoder), names, False, None)


def _load_stock_model(folder: Path) -> Artifact:
    source = find_model(str(folder))
    kinds = source.config.architectures or ["?"]
    if not any(name.endswith("ForSequenceClassification") for name in kinds):
        raise ModelError(f"{folder}: a sequence classifier is expected, but it holds {', '.join(kinds)}.")
    names = tuple(checkpoint_labels(source.config))
    base = load_classifier(source, names, seed=0)
    encoder = Encoder(base.tokenizer, resolve_max_length(None, source.config, base.tokenizer), "head")
    return Artifact(ModelScorer(base.model, encoder), names, False, None)


def _head_rows(folder: Path) -> int:
    """How many labels an adapter's head answers: the rows of its last layer, else of its smallest outside the low-rank
    ones.
    """
    path = folder / "adapter_model.safetensors"
    try:
        with safe_open(path, "pt") as tensors:
            heads = [name for name in tensors.keys() if name.endswith("weight") and ".lora_" not in name]  # noqa: SIM118
            # A layer before the last is as wide as the model, which may be narrower than there are labels.
            ends = [name for name in heads if name.removesuffix(".weight").rpartition(".")[2] in HEAD_ENDS]
            shapes = [tensors.get_slice(name).get_shape() for name in ends or heads]
            rows = [shape[0] for shape in shapes if shape]
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: the adapter's tensors cannot be read ({error}).") from error
    if not rows:
        raise ModelError(f"{folder}: the adapter holds no classification head, so it gives no labels.")
    return int(min(rows))
