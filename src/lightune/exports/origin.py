"""What is exported: an artefact, loaded on the CPU, with what its study knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightune.artifacts import ADAPTER, BASE, DELTA, MODEL, Manifest, load_artifact, read_certificate
from lightune.compute import Encoder, ModelScorer
from lightune.data import load_rows
from lightune.errors import ModelError
from lightune.inference import study_of
from lightune.records import ArmResult, Certificate, Rows, StudyResult

EXPORTABLE = (ADAPTER, DELTA, MODEL, BASE)
SPREAD = 16
SENTENCES = (
    "It was.",
    "The plot is thin, the acting is dull, and the ending is a mess.",
    "I expected a disaster and got a delight; the cast was brilliant! 10/10",
    "Größer, ça va, 好い 👍",
)


@dataclass(frozen=True)
class Origin:
    """An artefact and its answers.

    scorer: on the CPU in float32. texts: what the export is checked on, logits: [texts, labels], the answers to them.
    test: the study's test rows, None where they are not there. result, arm: of the study, None where it is not there
    or is not that which made the artefact. certificate: None where none lies beside it.
    """

    folder: Path
    manifest: Manifest
    scorer: ModelScorer
    texts: tuple[str, ...]
    logits: NDArray[np.float64]
    test: Rows | None
    result: StudyResult | None
    arm: ArmResult | None
    certificate: Certificate | None

    @property
    def encoder(self) -> Encoder:
        """Its rule of cutting and its tokenizer."""
        return self.scorer.encoder


def load_origin(folder: Path, result: StudyResult | None) -> Origin:
    """Load the artefact in `folder` and let it answer. result: its study's. Raises ModelError for what no export takes.

    It is answered on the CPU in float32, whatever the machine has: that is what an export is compared with.
    """
    artifact = load_artifact(folder)
    manifest = artifact.manifest
    if manifest is None:
        raise ModelError(
            f"{folder}: an artefact that lightune made is expected, but stock peft or transformers made this one, so "
            "nothing tells what it should answer. It can be used as it is."
        )
    if manifest.kind not in EXPORTABLE or not isinstance(artifact.scorer, ModelScorer):
        raise ModelError(
            f"{folder}: an arm that is a transformers classifier is expected (lora, full, pretrained and the like), "
            f"but {manifest.arm} is of the kind {manifest.kind}, which no export holds. Use it with `lightune predict`."
        )
    artifact.scorer.model.to("cpu")
    if result is not None and result.data.fingerprint != manifest.data_fingerprint:
        result = None
    arm = next((one for one in result.arms if one.name == manifest.arm), None) if result is not None else None
    test = _test_rows(folder)
    texts = checked_texts(artifact.scorer.encoder, test.texts if test is not None else SENTENCES)
    return Origin(
        folder=folder,
        manifest=manifest,
        scorer=artifact.scorer,
        texts=texts,
        logits=artifact.scorer.score(texts).logits,
        test=test,
        result=result,
        arm=arm,
        certificate=read_certificate(folder),
    )


def checked_texts(encoder: Encoder, texts: Sequence[str]) -> tuple[str, ...]:
    """The texts to compare answers on: real ones of every length, an empty one, one that is cut, one that ends in the
    words of the end-of-text token, and one whose tokens just fit."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    spread = np.linspace(0, len(texts) - 1, num=min(SPREAD, len(texts)), dtype=np.int64)
    chosen = dict.fromkeys([int(order[-1]), int(order[0]), *spread.tolist()])
    end = encoder.tokenizer.eos_token or encoder.tokenizer.sep_token or "</s>"
    made = ("", SENTENCES[1] + end, "a " * encoder.max_length + SENTENCES[1], "a")
    return tuple(dict.fromkeys([*made, *(texts[at] for at in chosen)]))


def _test_rows(folder: Path) -> Rows | None:
    study = study_of(folder)
    if study is None or not (study / "data" / "test.parquet").is_file():
        return None
    return load_rows(study / "data" / "test.parquet")
