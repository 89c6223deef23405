"""What is asked of a fresh process: answers of what was saved, by lightune and by the stock libraries alone.

Texts, tokens and logits go through files: JSON and numpy's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_WORDS = 200


def answer_all(jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Do several of the tasks below in one process, in their order: a process and its first look at the libraries cost
    more than the answers of a small model.

    jobs: by name, the arguments of that task. Returns by name what it returned, or {"error": what it raised}.
    """
    tasks: dict[str, Callable[..., dict[str, Any]]] = {
        "stock_adapter": stock_adapter,
        "stock_model": stock_model,
        "recall": recall,
    }
    found: dict[str, Any] = {}
    for name, arguments in jobs.items():
        try:
            found[name] = tasks[name](**arguments)
        except Exception as error:
            # What cannot be loaded is an answer too, and not to be taken for a process that broke down.
            said = " ".join(str(error).split()) or type(error).__name__
            found[name] = {"error": said if len(said) <= MOST_WORDS else f"{said[: MOST_WORDS - 1]}…"}
    return found


def recall(folder: str, texts: str, answers: str) -> dict[str, Any]:
    """Load the artefact in `folder` and write its logits for the texts in the file `texts` to `answers`."""
    from lightune.inference import load_classifier_folder
    from lightune.models import quiet_transformers

    with quiet_transformers():
        classifier = load_classifier_folder(Path(folder))
        logits = classifier.logits(json.loads(Path(texts).read_text(encoding="utf-8")))
    np.save(answers, logits)
    return {"labels": list(classifier.label_names)}


def stock_model(folder: str, tokens: str, answers: str) -> dict[str, Any]:
    """Load the classifier in `folder` with transformers alone; write its logits for each row of tokens, alone."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype="float32")
    np.save(answers, _each_alone(model, json.loads(Path(tokens).read_text(encoding="utf-8"))))
    names = model.config.id2label
    return {"labels": [str(names[at]) for at in sorted(names)]}


def stock_adapter(folder: str, base: str, labels: int, pad_id: int, tokens: str, answers: str) -> dict[str, Any]:
    """Load the adapter in `folder` on `base` with peft and transformers alone; else as `stock_model`."""
    import peft
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels, dtype="float32")
    model.config.pad_token_id = pad_id
    adapted = peft.PeftModel.from_pretrained(model, folder)
    np.save(answers, _each_alone(adapted, json.loads(Path(tokens).read_text(encoding="utf-8"))))
    return {"labels": None}  # an adapter keeps no names


def _each_alone(model: Any, rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    import torch

    model.eval()
    found = []
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([list(row)])
            found.append(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].double().numpy())
    return np.stack(found)
