"""The lines of a certificate, one function each."""

from __future__ import annotations

import numpy as np

from lightune.artifacts import ADAPTER, DELTA, MODEL, load_artifact
from lightune.certification.subject import Floats, Subject, inapplicable
from lightune.compute import LEFT, RIGHT, ModelScorer, padded_logits, softmax
from lightune.errors import ModelError
from lightune.methods import merge
from lightune.records import FAIL, PASS, Check, Observed

NO_MODEL = "there is no transformers classifier in it"
LONG_BY = 16


def alone(subject: Subject) -> Check:
    """Each text alone, and all of them together."""
    name, compared = "alone = in a batch", "each text by itself and in batches"
    return subject.compare(name, compared, subject.each, subject.loaded)


def padding(subject: Subject) -> Check:
    """Padded on the right, on the left, and far beyond the longest text."""
    name, compared = "padding", "padded right, left and long, and not at all"
    scorer = subject.scorer
    if scorer is None:
        return inapplicable(name, compared, NO_MODEL)
    encoded = scorer.encoder.encode(subject.texts)
    pad_id = int(scorer.encoder.tokenizer.pad_token_id)
    long = min(int(encoded.lengths.max()) + LONG_BY, scorer.encoder.max_length)
    ways = [(RIGHT, 0), (LEFT, 0), (RIGHT, long), (LEFT, long)]
    found = [padded_logits(scorer.model, encoded, pad_id, side, width) for side, width in ways]
    worst = max(found, key=lambda logits: float(np.abs(logits - subject.each).max()))
    return subject.compare(name, compared, worst, subject.each)


def trained(subject: Subject, observed: Observed | None) -> Check:
    """Head and adapter are others than before the first step."""
    name, compared = "head and adapter trained", "their tensors before the first step and after the last"
    if observed is None or observed.head + observed.adapter == 0:
        return inapplicable(name, compared, _unseen(subject))
    counts = (
        f"{observed.head_changed} of {observed.head} tensors of the head and {observed.adapter_changed} of "
        f"{observed.adapter} others changed"
    )
    good = observed.head_changed == observed.head and observed.adapter_changed > 0
    return Check(name, f"{compared}: {counts}", PASS if good else FAIL, reason=None if good else counts)


def untouched(subject: Subject, observed: Observed | None) -> Check:
    """The frozen weights are the same to the bit."""
    name, compared = "base untouched", "the frozen tensors before the first step and after the last, to the bit"
    if observed is None:
        return inapplicable(name, compared, _unseen(subject))
    if observed.frozen == 0:
        return inapplicable(name, compared, "all of its weights were trained")
    counts = f"{observed.frozen_changed} of {observed.frozen} frozen tensors changed"
    good = observed.frozen_changed == 0
    return Check(name, f"{compared}: {counts}", PASS if good else FAIL, reason=None if good else counts)


def reloaded(subject: Subject, answers: Floats) -> Check:
    """What a new process loads answers as what was in memory. answers: the new process's."""
    name = "saved = in memory"
    if subject.reference is None:
        compared = "loaded in a new process and loaded here"
        return subject.compare(name, compared, answers, subject.loaded)
    return subject.compare(name, "loaded in a new process and in memory when made", answers, subject.reference)


def merged(subject: Subject) -> tuple[Check, ModelScorer | None]:
    """The adapter written into the weights answers as it does beside them. Returns the merged classifier too."""
    name, compared = "merged = unmerged", "the adapter written into the weights and beside them"
    kind = subject.artifact.manifest.kind if subject.artifact.manifest is not None else ADAPTER
    if subject.scorer is None or kind not in (ADAPTER, DELTA):
        reason = "it has no adapter"
        return inapplicable(name, compared, reason), None
    again = load_artifact(subject.folder).scorer
    assert isinstance(again, ModelScorer)
    try:
        plain = merge(again.model)
    except ModelError as error:
        return inapplicable(name, compared, str(error).removeprefix("The adapter cannot be merged: ").rstrip(".")), None
    scorer = ModelScorer(plain, again.encoder)
    return subject.compare(name, compared, scorer.score(subject.texts).logits, subject.loaded), scorer


def exported(subject: Subject, plain: ModelScorer | None) -> tuple[Check, Floats | None]:
    """The merged model saved and loaded by transformers alone in a new process. Returns its logits too."""
    name, compared = "exported = in memory", "merged, saved, and loaded by stock transformers in a new process"
    kind = subject.artifact.manifest.kind if subject.artifact.manifest is not None else None
    scorer = subject.scorer if kind == MODEL else plain
    if scorer is None:
        return inapplicable(name, compared, "it cannot be merged" if subject.scorer else NO_MODEL), None
    folder = subject.folder
    if kind != MODEL:
        folder = subject.scratch / "merged"
        scorer.model.save_pretrained(str(folder))  # type: ignore[operator]
    answers = subject.ask("stock_model", folder=str(folder), tokens=_tokens(subject))
    return subject.compare(name, compared, answers, subject.loaded[_filled(subject)]), answers


def stock_peft(subject: Subject) -> tuple[Check, Floats | None]:
    """peft and transformers alone, in a new process. Returns their logits too."""
    name, compared = "stock peft", "loaded by peft and transformers alone in a new process"
    scorer, manifest = subject.scorer, subject.artifact.manifest
    if scorer is None:
        return inapplicable(name, compared, NO_MODEL), None
    if subject.stock_route != "adapter" or manifest is None or manifest.base is None:
        reason = (subject.stock_route or "it is not lightune's own").removeprefix("none: ")
        reason = "its stock route is the merged model" if reason == "merged" else reason
        return inapplicable(name, compared, reason), None
    answers = subject.ask(
        "stock_adapter",
        folder=str(subject.folder),
        base=manifest.base.location,
        labels=len(manifest.label_names),
        pad_id=int(scorer.encoder.tokenizer.pad_token_id),
        tokens=_tokens(subject),
    )
    return subject.compare(name, compared, answers, subject.loaded[_filled(subject)]), answers


def same_labels(subject: Subject, formats: dict[str, Floats | None]) -> Check:
    """Every format gives each text the same label. formats: logits by name, of the texts that are not empty."""
    there = {name: logits for name, logits in formats.items() if logits is not None}
    name, compared = "same labels in every format", ", ".join(("saved", *there))
    if not there:
        return inapplicable(name, compared, "it comes in one format")
    expected = subject.loaded[_filled(subject)]
    # Two labels within the tolerance of each other are a tie that rounding decides.
    ordered = np.sort(expected, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 2 * subject.tolerance
    wrong = [
        format
        for format, logits in there.items()
        if not np.array_equal(logits.argmax(axis=1)[clear], expected.argmax(axis=1)[clear])
    ]
    if wrong:
        return Check(name, compared, FAIL, reason=f"other labels: {', '.join(wrong)}")
    return Check(name, compared, PASS)


def probabilities(subject: Subject) -> Check:
    """They sum to one and lie between 0 and 1."""
    found = softmax(subject.loaded)
    name, compared, tolerance = "probabilities", "their sum and one", 1e-9
    difference = float(np.abs(found.sum(axis=1) - 1).max())
    good = difference <= tolerance and bool(((found >= 0) & (found <= 1)).all())
    return Check(name, compared, PASS if good else FAIL, difference, tolerance, None if good else "they do not")


def end_of_text(subject: Subject) -> Check:
    """A text that ends in the words of a special token keeps them: none of its tokens is taken for padding."""
    name = "end-of-text token"
    compared = "a text that ends in the words of a special token: its tokens, and its answer alone and padded"
    scorer = subject.scorer
    if scorer is None:
        return inapplicable(name, compared, NO_MODEL)
    tokenizer = scorer.encoder.tokenizer
    word = tokenizer.eos_token or tokenizer.sep_token or tokenizer.pad_token
    text = f"It was fine.{word}"
    plain, ended = scorer.encoder.encode(["It was fine.", text]).ids
    special = set(tokenizer.all_special_ids) - set(scorer.encoder.prefix) - set(scorer.encoder.suffix)
    ends = {tokenizer.eos_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, tokenizer.cls_token_id}
    special -= {tokenizer.unk_token_id} - ends  # a vocabulary without the word's letters says so, and keeps its place
    own = ended[len(scorer.encoder.prefix) : len(ended) - len(scorer.encoder.suffix)]
    if len(ended) <= len(plain) or special & set(own.tolist()):
        return Check(name, compared, FAIL, reason=f"{word!r} at the end of a text is read as a special token or lost")
    texts = [text, "longer than that one, " * 4]
    each = np.concatenate([scorer.score([one]).logits for one in texts])
    return subject.compare(name, compared, each, scorer.score(texts).logits)


def _filled(subject: Subject) -> list[int]:
    """Places of the texts that have a token of their own: stock pipelines have no answer for an empty one."""
    return [at for at, text in enumerate(subject.texts) if text.strip()]


def _tokens(subject: Subject) -> list[list[int]]:
    assert subject.scorer is not None
    encoded = subject.scorer.encoder.encode([subject.texts[at] for at in _filled(subject)])
    return [row.tolist() for row in encoded.ids]


def _unseen(subject: Subject) -> str:
    if subject.scorer is None:
        return NO_MODEL
    manifest = subject.artifact.manifest
    if manifest is not None and manifest.kind not in (ADAPTER, DELTA, MODEL):
        return "nothing was trained"
    return "it can only be seen while it is trained"
