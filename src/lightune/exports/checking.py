"""An export beside its original: what is compared, and what a difference means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lightune.artifacts import load_artifact
from lightune.compute import ModelScorer, softmax
from lightune.errors import RunError
from lightune.exports.origin import Origin
from lightune.models import stock_pipeline, stock_tokenizer
from lightune.records import FAIL, PASS, Check

# The same weights by the same steps, and the same sums in another order: a merged weight is rounded once more, and a
# graph's kernels are others. Of a logit, or of the largest one where that is above 1.
SAME_STEPS, OTHER_ORDER = 1e-5, 1e-4
BATCH = 8


def check(name: str, compared: str, difference: float, tolerance: float) -> Check:
    """One comparison; a difference that is not a number fails."""
    good = bool(difference <= tolerance)
    reason = None if good else f"{difference:.2g} where at most {tolerance:.1e} is allowed"
    return Check(name, compared, PASS if good else FAIL, float(difference), tolerance, reason)


def demand(checks: Sequence[Check]) -> None:
    """Raise RunError naming each check that failed."""
    failed = [f"{one.name} ({one.compared}): {one.reason}" for one in checks if one.outcome == FAIL]
    if failed:
        raise RunError(f"The export does not answer as the original does, so nothing is kept: {'; '.join(failed)}.")


def in_proportion(tolerance: float, logits: NDArray[np.float64]) -> float:
    """The tolerance, times the largest logit where that is above 1: float32 rounds in proportion."""
    return tolerance * max(1.0, float(np.abs(logits).max()))


def largest(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> float:
    """The largest absolute difference; NaN where the shapes differ or a value is not a number."""
    return float(np.abs(one - other).max()) if one.shape == other.shape else float("nan")


def check_in_lightune(origin: Origin, folder: Path, tolerance: float) -> Check:
    """The exported folder loaded again by lightune, on all texts."""
    scorer = load_artifact(folder).scorer
    if isinstance(scorer, ModelScorer):
        scorer.model.to("cpu")
    difference = largest(scorer.score(origin.texts).logits, origin.logits)
    compared = f"logits of {len(origin.texts)} texts, loaded again by lightune"
    return check("lightune", compared, difference, in_proportion(tolerance, origin.logits))


def stock_tokens(origin: Origin, folder: Path) -> tuple[dict[int, list[int]], Check]:
    """The tokens that the exported tokenizer alone gives, cut as it says, by the text's number; and their check.

    Left out is what a stock tokenizer cannot express: a text without any token, and a cut that keeps both ends.
    """
    tokenizer = stock_tokenizer(folder)
    encoded = origin.encoder.encode(origin.texts)
    tokens = {}
    for at, text in enumerate(origin.texts):
        if not (encoded.cut[at] and origin.encoder.truncate == "head+tail"):
            ids = tokenizer(text, truncation=True)["input_ids"]
            if ids:
                tokens[at] = list(ids)
    other = sum(ids != encoded.ids[at].tolist() for at, ids in tokens.items())
    compared = f"of {len(tokens)} texts those that the exported tokenizer reads otherwise"
    return tokens, check("tokenizer", compared, other, 0)


def check_stock(
    name: str, model: nn.Module, origin: Origin, tokens: Mapping[int, Sequence[int]], tolerance: float
) -> Check:
    """A stock model on each text alone, without padding, as its own forward pass pools it."""
    rows = list(tokens)
    with torch.inference_mode():
        logits = [model(input_ids=torch.tensor([list(tokens[at])])).logits[0].double().numpy() for at in rows]
    compared = f"logits of {len(rows)} texts, one by one"
    difference = largest(np.stack(logits), origin.logits[rows])
    return check(name, compared, difference, in_proportion(tolerance, origin.logits))


def check_pipeline(origin: Origin, folder: Path, rows: Sequence[int]) -> Check:
    """The stock pipeline with truncation, in batches, with the labels' own names."""
    answers = stock_pipeline(folder, [origin.texts[at] for at in rows], BATCH)
    names = origin.manifest.label_names
    if any(set(answer) != set(names) for answer in answers):
        return check("pipeline", "names of the labels", float("nan"), 0)
    found = np.array([[answer[name] for name in names] for answer in answers])
    compared = f"probabilities of {len(rows)} texts, in batches of {BATCH} with truncation=True"
    return check("pipeline", compared, largest(found, softmax(origin.logits[list(rows)])), OTHER_ORDER)
