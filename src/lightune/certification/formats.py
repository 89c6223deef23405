"""The lines of a certificate on what lies on disk: each format loaded in a process that knows nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightune.artifacts import ADAPTER, BASE, MODEL, find_base
from lightune.certification.checks import NO_MODEL
from lightune.certification.subject import Heard, Subject, broken, inapplicable
from lightune.compute import ModelScorer
from lightune.records import FAIL, PASS, Check

RECALL, EXPORTED, STOCK = "recall", "stock_model", "stock_adapter"


@dataclass(frozen=True)
class Wanted:
    """What a fresh process is asked. jobs: by task, its arguments. reasons: by task, why it is not asked."""

    jobs: Mapping[str, Mapping[str, Any]]
    reasons: Mapping[str, str]


def wanted(subject: Subject, plain: ModelScorer | None) -> Wanted:
    """What can be asked of this artefact; the merged classifier `plain` is saved for it. The stock libraries go first,
    before lightune has touched anything in that process."""
    jobs: dict[str, Mapping[str, Any]] = {}
    reasons = {EXPORTED: _why_not_exported(subject, plain), STOCK: _why_not_stock(subject)}
    manifest, scorer = subject.artifact.manifest, subject.scorer
    if not reasons[STOCK]:
        assert manifest is not None
        assert manifest.base is not None
        assert scorer is not None
        jobs[STOCK] = {
            "folder": str(subject.folder),
            "base": find_base(subject.folder, manifest).location,
            "labels": len(manifest.label_names),
            "pad_id": int(scorer.encoder.tokenizer.pad_token_id),
            "tokens": _tokens(subject),
        }
    if not reasons[EXPORTED]:
        jobs[EXPORTED] = {"folder": _export(subject, plain), "tokens": _tokens(subject)}
    jobs[RECALL] = {"folder": str(subject.folder.resolve()), "texts": list(subject.texts)}
    return Wanted(jobs, {task: reason for task, reason in reasons.items() if reason})


def reloaded(subject: Subject, heard: Heard) -> Check:
    """What a new process loads answers as what was in memory."""
    here = subject.reference is None
    name = "saved = in memory"
    compared = "loaded in a new process and " + ("loaded here" if here else "in memory when made")
    if heard.logits is None:
        return broken(name, compared, heard.error or "")
    expected = subject.loaded if subject.reference is None else subject.reference
    return subject.compare(name, compared, heard.logits, expected)


def exported(subject: Subject, asked: Wanted, heard: Mapping[str, Heard]) -> Check:
    """The merged model saved and loaded by transformers alone in a new process."""
    compared = "merged, saved, and loaded by stock transformers in a new process"
    return _stock(subject, "exported = in memory", compared, EXPORTED, asked, heard)


def stock_peft(subject: Subject, asked: Wanted, heard: Mapping[str, Heard]) -> Check:
    """The adapter loaded by peft and transformers alone in a new process."""
    return _stock(subject, "stock peft", "loaded by peft and transformers alone in a new process", STOCK, asked, heard)


def same_labels(subject: Subject, heard: Mapping[str, Heard]) -> Check:
    """Every format gives each text the same label, by its name where the format keeps names."""
    names = {EXPORTED: "exported", STOCK: "stock peft", "onnx": "ONNX"}
    there = {names[task]: said for task, said in heard.items() if task in names and said.logits is not None}
    name, compared = "same labels in every format", ", ".join(("saved", *there))
    if not there:
        return inapplicable(name, compared, "it comes in one format")
    expected = subject.loaded[subject.filled]
    # Two labels within the tolerance of each other are a tie that rounding decides.
    ordered = np.sort(expected, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 2 * subject.tolerance
    own = _named(Heard(expected, subject.artifact.label_names), subject)[clear]
    wrong = [format for format, said in there.items() if not np.array_equal(_named(said, subject)[clear], own)]
    if wrong:
        return Check(name, compared, FAIL, reason=f"other labels: {', '.join(wrong)}")
    return Check(name, compared, PASS)


def _stock(subject: Subject, name: str, compared: str, task: str, asked: Wanted, heard: Mapping[str, Heard]) -> Check:
    if task in asked.reasons and task == EXPORTED and subject.stock_route == "merged" and subject.scorer is not None:
        return broken(name, compared, f"it is its stock route, and {asked.reasons[task]}")
    if task in asked.reasons:
        return inapplicable(name, compared, asked.reasons[task])
    said = heard[task]
    if said.logits is None:
        return broken(name, compared, said.error or "")
    return subject.compare(name, compared, said.logits, subject.loaded[subject.filled])


def _why_not_exported(subject: Subject, plain: ModelScorer | None) -> str:
    if subject.scorer is None:
        return NO_MODEL
    if subject.kind == BASE:
        return "nothing was trained"
    return "" if plain is not None or subject.kind == MODEL else "it cannot be merged"


def _why_not_stock(subject: Subject) -> str:
    manifest = subject.artifact.manifest
    if subject.scorer is None:
        return NO_MODEL
    if manifest is None:
        return "it is not lightune's own"
    route = subject.stock_route
    if route == "adapter" and subject.kind == ADAPTER:
        return ""
    if route == "merged":
        return "its stock route is the merged model"
    return route.removeprefix("none: ") if route is not None else "nothing tells its stock route"


def _export(subject: Subject, plain: ModelScorer | None) -> str:
    """Save the merged classifier and return its folder: the artefact's own where it is a whole model already."""
    if plain is None:
        return str(subject.folder)
    folder = subject.scratch / "merged"
    plain.model.save_pretrained(str(folder))  # type: ignore[operator]
    return str(folder)


def _tokens(subject: Subject) -> list[list[int]]:
    assert subject.scorer is not None
    encoded = subject.scorer.encoder.encode([subject.texts[at] for at in subject.filled])
    return [row.tolist() for row in encoded.ids]


def _named(heard: Heard, subject: Subject) -> np.ndarray[Any, np.dtype[Any]]:
    """The name of each text's label; its number stands for what the artefact calls it where the format keeps none."""
    assert heard.logits is not None
    names = heard.labels if heard.labels is not None else subject.artifact.label_names
    return np.asarray([names[at] if at < len(names) else str(at) for at in heard.logits.argmax(axis=1)])
