"""From an artefact's folder back to a classifier: lightune's own, a stock peft adapter, a stock transformers model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightune.artifacts.artifact import Artifact
from lightune.artifacts.bases import check_same_base, find_base, with_adapter
from lightune.artifacts.manifest import (
    ADAPTER,
    BASE,
    DELTA,
    HEAD_FILE,
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
from lightune.artifacts.saving import DELTA_FILE, TERMS_FILE
from lightune.artifacts.stock import load_stock_adapter, load_stock_model
from lightune.artifacts.tensors import copy_tensors, read_numbers
from lightune.artifacts.untrusted import check_artifact_folder
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
from lightune.config import POOLINGS, TRUNCATIONS
from lightune.errors import ModelError
from lightune.methods import bias_names, in_top_blocks, is_adapter, linear_layers
from lightune.models import (
    NF4,
    Classifier,
    check_place,
    count_own_tokens,
    find_model,
    load_classifier,
    load_language_model,
    load_tokenizer,
    quantise,
)
from lightune.plugins import load_plugin_scorer

# What an exported graph may be called.
GRAPH = re.compile(r"[\w-][\w.-]*\.onnx")


def is_artifact(folder: Path) -> bool:
    """Whether `folder` holds something that `load_artifact` reads."""
    return (folder / MANIFEST).exists() or is_adapter(folder) or (folder / "config.json").exists()


def load_artifact(folder: Path) -> Artifact:
    """Load what lies in `folder`, checked first. Raises ModelError with a sentence when it cannot be used."""
    check_artifact_folder(folder)
    if (folder / MANIFEST).exists():
        return _load_own(folder, read_manifest(folder))
    if is_adapter(folder):
        return load_stock_adapter(folder)
    if (folder / "config.json").exists():
        return load_stock_model(folder)
    raise ModelError(
        f"{folder}: an artefact is expected (lightune.json, adapter_config.json or config.json), but none is there."
    )


def _load_own(folder: Path, manifest: Manifest) -> Artifact:
    return Artifact(_LOADERS[manifest.kind](folder, manifest), manifest.label_names, manifest.vouches, manifest)


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
    check_same_base(folder, manifest)
    if manifest.head is not None:
        copy_tensors(base, folder / manifest.head, _head_names(base))
    if manifest.settings.get("quantised") == NF4:
        quantise(base.model, linear_layers(base.model, base.head.modules))
    # Not so a stock adapter: an encoder's prompt was trained there with a virtual token for the pooled one.
    return ModelScorer(count_own_tokens(with_adapter(base, folder)), encoder)


def _load_delta(folder: Path, manifest: Manifest) -> Scorer:
    base, encoder = _classifier(folder, manifest)
    biases = in_top_blocks(base.model, bias_names(base.model, base.head.modules), _top_blocks(folder, manifest))
    copy_tensors(base, folder / DELTA_FILE, {*biases, *_head_names(base)})
    return ModelScorer(base.model, encoder)


def _top_blocks(folder: Path, manifest: Manifest) -> int | None:
    """The number of upper blocks that were trained; None: all of them."""
    found = manifest.settings.get("top_blocks")
    if found is not None and (not isinstance(found, int) or isinstance(found, bool) or found < 1):
        raise ModelError(f"{folder}: its {MANIFEST} says top_blocks {found!r}, where a number from 1 on is expected.")
    return found


def _head_names(base: Classifier) -> set[str]:
    modules = {name: base.model.get_submodule(name) for name in base.head.modules}
    return {f"{name}.{own}" for name, module in modules.items() for own, _ in module.named_parameters()}


def _load_base(folder: Path, manifest: Manifest) -> Scorer:
    base, encoder = _classifier(folder, manifest)
    if manifest.head is not None:
        copy_tensors(base, folder / HEAD_FILE, set(base.head.drawn))
    return ModelScorer(base.model, encoder)


def _load_model(folder: Path, manifest: Manifest) -> Scorer:
    base = load_classifier(find_model(str(folder)), manifest.label_names, manifest.seed)
    if not base.head.trained:
        raise ModelError(f"{folder}: its weights hold no head for its labels. Train again.")
    return ModelScorer(base.model, _encoder(base.tokenizer, manifest))


def _load_onnx(folder: Path, manifest: Manifest) -> Scorer:
    graph = str(_setting(manifest, "graph"))
    if not GRAPH.fullmatch(graph):
        raise ModelError(f"{folder}: its {MANIFEST} names the graph {graph[:200]!r}, where a file's name is expected.")
    if (folder / graph).exists():
        check_place(folder / graph)
    tokenizer = load_tokenizer(find_model(str(folder)))
    return OnnxScorer(folder / graph, _encoder(tokenizer, manifest))


def _load_majority(folder: Path, manifest: Manifest) -> Scorer:
    return Constant(read_numbers(folder, {"shares": (len(manifest.label_names),)})["shares"])


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
    numbers = read_numbers(folder, shapes)
    return BagOfWords.of(terms, numbers["idf"], Linear(numbers["weight"], numbers["bias"]))


def _load_probe(folder: Path, manifest: Manifest) -> Scorer:
    base, encoder = _classifier(folder, manifest)
    labels = len(manifest.label_names)
    numbers = read_numbers(folder, {"weight": (labels, int(base.model.config.hidden_size)), "bias": (labels,)})
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
