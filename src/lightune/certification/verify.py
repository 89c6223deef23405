"""An artefact certified again, long after it was made: on the rows of then where they are there, on others else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lightune.artifacts import ADAPTER, MANIFEST, load_artifact, read_certificate, read_manifest
from lightune.catalogue import METHODS
from lightune.certification.certify import certify, kept_reference, write_certificate
from lightune.certification.texts import CheckedTexts, choose_texts, with_odd_texts
from lightune.compute import Encoder, ModelScorer, Scorer
from lightune.config import DataConfig
from lightune.data import load_rows, load_splits
from lightune.errors import ConfigError, DataError
from lightune.inference import find_artifact, study_of
from lightune.methods import stock_route
from lightune.models import quiet_transformers
from lightune.records import FAIL, NOT_APPLICABLE, PASS, Certificate, Check, Rows
from lightune.runtime import pick_device

CHANGED = "unchanged since it was made"
# What can only be seen while a model is trained, and is taken over from the certificate of then.
SEEN_IN_TRAINING = ("head and adapter trained", "base untouched")


def verify(
    folder: str | Path,
    arm: str | None = None,
    data: DataConfig | None = None,
    told: Callable[[int, int], None] | None = None,
) -> tuple[Path, Certificate]:
    """Certify the artefact that `folder` and `arm` mean; write `certificate.json` into it, and return both.

    Rows: those of `data`'s test split where it is given, else those that the study beside the artefact has kept. It is
    exported to ONNX too, where that can be. What an earlier certificate says of the training stands where no file has
    changed since. Raises InputError.
    """
    path = find_artifact(folder, arm)
    before = read_certificate(path)
    rows = _rows(path, data)
    with quiet_transformers():
        scorer = load_artifact(path).scorer
    checked = _texts(rows, before, getattr(scorer, "encoder", None))
    known = before is not None and before.precision == pick_device().precision
    reference = kept_reference(path, checked.row_ids) if known else None
    route = before.stock_route if before is not None else _route(path, scorer)
    certificate = _continued(certify(path, checked, reference, None, route, told, graph=True), before)
    write_certificate(path, certificate, reference)
    return path, certificate


def _rows(artifact: Path, data: DataConfig | None) -> Rows:
    if data is not None:
        return load_splits(data).test
    study = study_of(artifact)
    kept = study / "data" / "test.parquet" if study is not None else None
    if kept is None or not kept.exists():
        why = "the study has kept no texts" if study is not None else "no study is around it"
        raise ConfigError(f"{artifact}: real texts are expected to check it on, but {why}. Name some with --data.")
    try:
        return load_rows(kept)
    except DataError as error:
        raise DataError(f"{str(error).rstrip('.')}. Name texts with --data.") from error


def _texts(rows: Rows, before: Certificate | None, encoder: Encoder | None) -> CheckedTexts:
    """The texts of the certificate of then, where they are all there; else others."""
    place = {row: at for at, row in enumerate(rows.row_ids)}
    if before is not None and before.row_ids and all(row in place for row in before.row_ids):
        return with_odd_texts([rows.texts[place[row]] for row in before.row_ids], before.row_ids, encoder)
    return choose_texts(rows, encoder)


def _route(folder: Path, scorer: Scorer) -> str | None:
    """The stock route of an adapter whose certificate of then is lost; None of all else."""
    if not isinstance(scorer, ModelScorer) or not (folder / MANIFEST).exists():
        return None
    manifest = read_manifest(folder)
    method = METHODS.get(manifest.arm)
    return stock_route(scorer.model, method) if manifest.kind == ADAPTER and method is not None else None


def _continued(now: Certificate, before: Certificate | None) -> Certificate:
    """`now` with what was seen in training, and a line that says whether any file has changed since."""
    if before is None:
        why = "there is no certificate of then that can be read"
        line = Check(CHANGED, "SHA-256 of its files, when certified first and now", NOT_APPLICABLE, reason=why)
        return replace(now, checks=(*now.checks, line))
    seen = {check.name: check for check in before.checks if check.name in SEEN_IN_TRAINING}
    then, today = before.artifact, now.artifact
    changed = sorted(name for name in {*then, *today} if then.get(name) != today.get(name))
    compared = f"SHA-256 of its {len(then)} files, when certified first and now"
    line = (
        Check(CHANGED, compared, FAIL, reason=f"changed: {', '.join(changed)}")
        if changed
        else Check(CHANGED, compared, PASS)
    )
    lines = [
        seen[check.name] if check.name in seen and not changed and check.outcome == NOT_APPLICABLE else check
        for check in now.checks
        if check.name != CHANGED
    ]
    # The digests of then stay, or a second look would take the change for granted.
    return replace(now, checks=(*lines, line), artifact=before.artifact)
