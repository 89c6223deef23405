"""What stock peft and transformers saved: nothing tells how its texts were cut, so it is called unverified."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from lightune.artifacts.artifact import Artifact
from lightune.artifacts.bases import find_named_base, with_adapter
from lightune.compute import Encoder, ModelScorer
from lightune.errors import ModelError
from lightune.methods import adapter_config
from lightune.models import checkpoint_labels, find_model, load_classifier, resolve_max_length

# What the last layer of a classification head is called.
HEAD_ENDS = ("score", "classifier", "out_proj")


def load_stock_adapter(folder: Path) -> Artifact:
    """An adapter that stock peft saved: the base it names, as many labels as its head has rows."""
    config = adapter_config(folder)
    if config.task_type != "SEQ_CLS":
        raise ModelError(f"{folder}: an adapter for SEQ_CLS is expected, but this one is for {config.task_type}.")
    source = find_named_base(folder, str(config.base_model_name_or_path))
    if source.untrained:
        raise ModelError(f"{folder}: its base {source.name} has no weights, so it is not what it was trained on.")
    count = _head_rows(folder)
    names = tuple(checkpoint_labels(source.config))
    names = names if len(names) == count else tuple(f"LABEL_{index}" for index in range(count))
    base = load_classifier(source, names, seed=0)
    encoder = Encoder(base.tokenizer, resolve_max_length(None, source.config, base.tokenizer), "head")
    return Artifact(ModelScorer(with_adapter(base, folder), encoder), names, False, None)


def load_stock_model(folder: Path) -> Artifact:
    """A classifier that stock transformers saved. Raises ModelError."""
    source = find_model(str(folder))
    kinds = source.config.architectures or ["?"]
    if not any(name.endswith("ForSequenceClassification") for name in kinds):
        raise ModelError(f"{folder}: a sequence classifier is expected, but it holds {', '.join(kinds)}.")
    names = tuple(checkpoint_labels(source.config))
    if source.untrained:
        raise ModelError(f"{folder}: it holds a configuration and no weights (model.safetensors). Fetch it whole.")
    base = load_classifier(source, names, seed=0)
    if not base.head.trained:
        raise ModelError(f"{folder}: its weights hold no head for its labels, and one would be drawn. Fetch it whole.")
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
