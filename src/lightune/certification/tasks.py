"""What is asked of a fresh process: answers of what was saved, by lightune and by the stock libraries alone.

Texts, tokens and logits go through files: JSON and numpy's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def recall(folder: str, texts: str, answers: str) -> None:
    """Load the artefact in `folder` and write its logits for the texts in the file `texts` to `answers`."""
    from lightune.inference import load_classifier_folder
    from lightune.models import quiet_transformers

    with quiet_transformers():
        logits = load_classifier_folder(Path(folder)).logits(json.loads(Path(texts).read_text(encoding="utf-8")))
    np.save(answers, logits)


def stock_model(folder: str, tokens: str, answers: str) -> None:
    """Load the classifier in `folder` with transformers alone; write its logits for each row of tokens, alone."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype="float32")
    np.save(answers, _each_alone(model, json.loads(Path(tokens).read_text(encoding="utf-8"))))


def stock_adapter(folder: str, base: str, labels: int, pad_id: int, tokens: str, answers: str) -> None:
    """Load the adapter in `folder` on `base` with peft and transformers alone; else as `stock_model`."""
    import peft
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels, dtype="float32")
    model.config.pad_token_id = pad_id
    adapted = peft.PeftModel.from_pretrained(model, folder)
    np.save(answers, _each_alone(adapted, json.loads(Path(tokens).read_text(encoding="utf-8"))))


def _each_alone(model: Any, rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    import torch

    model.eval()
    found = []
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([list(row)])
            found.append(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].double().numpy())
    return np.stack(found)
