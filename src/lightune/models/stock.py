"""Models and tokenizers as transformers alone loads them: what others will see of an exported folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, pipeline

from lightune.models.sources import quiet_transformers


def stock_classifier(location: str, **options: Any) -> PreTrainedModel:
    """Load a sequence classifier in float32 on the CPU. options: for the configuration, such as num_labels."""
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(
            location, dtype=torch.float32, trust_remote_code=False, use_safetensors=True, **options
        )
    loaded: PreTrainedModel = model.eval()
    return loaded


def stock_tokenizer(folder: Path) -> Any:
    """Load the tokenizer in `folder` as it was saved."""
    with quiet_transformers():
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)


def stock_pipeline(folder: Path, texts: list[str], batch_size: int) -> list[dict[str, float]]:
    """For each text the probability of each label by name, from transformers' `text-classification` pipeline."""
    with quiet_transformers():
        classify = pipeline("text-classification", model=str(folder), device="cpu", dtype=torch.float32)
        answers: Any = classify(texts, top_k=None, truncation=True, batch_size=batch_size)
    return [{entry["label"]: float(entry["score"]) for entry in entries} for entries in answers]
