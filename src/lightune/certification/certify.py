"""A certificate: an artefact checked on real rows, line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lightune.arrays import keep_arrays, kept_arrays
from lightune.artifacts import CERTIFICATE, CERTIFICATE_FORMAT, load_artifact
from lightune.certification import checks, formats
from lightune.certification.subject import Floats, Heard, Subject, scratch_folder
from lightune.certification.texts import CheckedTexts
from lightune.digests import file_digest
from lightune.models import quiet_transformers
from lightune.records import SEEDS_FOLDER, Certificate, Check, Observed, dumps
from lightune.runtime import pick_device
from lightune.version import VERSION
from lightune.whole import write_whole

REFERENCE = "reference.arrays"
# Beside weights and settings, files that may change and change nothing.
UNCHECKED = (CERTIFICATE, REFERENCE, "README.md")
Told = Callable[[int, int], None]


def certify(
    folder: Path,
    checked: CheckedTexts,
    reference: Floats | None = None,
    observed: Observed | None = None,
    stock_route: str | None = None,
    told: Told | None = None,
    graph: bool = False,
) -> Certificate:
    """Check the artefact in `folder` and return its certificate, without writing it.

    reference: logits [texts, labels] of the model in memory. observed: what was seen while it was trained.
    stock_route: as its arm gave it. told: hears how many of how many parts are done. graph: whether to export it to
    ONNX and check that too. Raises ModelError where the artefact cannot be loaded at all, RunError where a process that
    it was loaded in broke down.
    """
    with quiet_transformers(), scratch_folder() as scratch:
        artifact = load_artifact(folder)
        loaded = artifact.scorer.score(checked.texts).logits
        each = np.concatenate([artifact.scorer.score([text]).logits for text in checked.texts])
        subject = Subject(folder, artifact, checked, reference, loaded, each, stock_route, scratch)
        lines = _lines(subject, observed, told or _nobody, graph)
    manifest = artifact.manifest
    return Certificate(
        format=CERTIFICATE_FORMAT,
        lightune=VERSION,
        arm=manifest.arm if manifest is not None else "",
        kind=manifest.kind if manifest is not None else "stock",
        precision=pick_device().precision,
        rows=len(checked.texts),
        cut_rows=checked.cut,
        row_ids=checked.row_ids,
        checks=tuple(lines),
        artifact=digests(folder),
        stock_route=stock_route,
    )


def _lines(subject: Subject, observed: Observed | None, told: Told, graph: bool) -> list[Check]:
    parts = 5 if graph else 4
    alone = checks.alone(subject)
    ended = checks.end_of_text(subject)
    told(1, parts)
    padding = checks.padding(subject)
    told(2, parts)
    merged, plain = checks.merged(subject)
    told(3, parts)
    asked = formats.wanted(subject, plain)
    heard = subject.ask(asked.jobs)
    told(4, parts)
    made = [_graph(subject, heard)] if graph else []
    told(parts, parts)
    return [
        alone,
        padding,
        checks.trained(subject, observed),
        checks.untouched(subject, observed),
        formats.reloaded(subject, heard[formats.RECALL]),
        merged,
        formats.exported(subject, asked, heard),
        *made,
        formats.same_labels(subject, heard),
        formats.stock_peft(subject, asked, heard),
        checks.probabilities(subject),
        ended,
    ]


def _graph(subject: Subject, heard: dict[str, Heard]) -> Check:
    from lightune.certification.graph import ONNX, onnx

    check, logits = onnx(subject)
    if logits is not None:
        heard[ONNX] = Heard(logits[subject.filled])
    return check


def _nobody(done: int, total: int) -> None:
    """Tell nobody that `done` of `total` parts are done."""


def write_certificate(folder: Path, certificate: Certificate, reference: Floats | None) -> None:
    """Write `certificate.json` into the artefact's folder, and the logits that it must give again."""
    if reference is not None:
        keep_arrays(folder / REFERENCE, _key(certificate.row_ids), {"logits": np.asarray(reference)})
    write_whole(folder / CERTIFICATE, dumps(certificate))


def kept_reference(folder: Path, row_ids: tuple[str, ...]) -> Floats | None:
    """The logits kept for these rows when the artefact was made; None where they are not there."""
    arrays = kept_arrays(folder / REFERENCE, _key(row_ids))
    return None if arrays is None else np.asarray(arrays["logits"], dtype=np.float64)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of the artefact, by its path there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] != SEEDS_FOLDER and name.name not in UNCHECKED:
            found[name.as_posix()] = file_digest(path)
    return found


def _key(row_ids: tuple[str, ...]) -> str:
    return hashlib.sha256("".join(row_ids).encode()).hexdigest()
