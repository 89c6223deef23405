"""The line of a certificate on ONNX, which takes an export and so is not part of every study."""

from __future__ import annotations

from lightune.artifacts import load_artifact
from lightune.certification.subject import Floats, Subject, broken, inapplicable
from lightune.errors import ModelError
from lightune.exports.checking import OTHER_ORDER
from lightune.exports.onnx import write_onnx
from lightune.exports.origin import load_origin
from lightune.records import Check

ONNX = "onnx"


def onnx(subject: Subject) -> tuple[Check, Floats | None]:
    """The float32 graph run by ONNX Runtime. Returns its logits too, None where there is no graph."""
    name, compared = "ONNX = in memory", "exported to ONNX and run by ONNX Runtime in float32"
    folder = subject.scratch / "onnx"
    folder.mkdir()
    try:
        write_onnx(load_origin(subject.folder, None), folder)
    except ModelError as error:
        # No transformers classifier, nothing that can be merged, or a package that is not there.
        return inapplicable(name, compared, str(error).rstrip(".")), None
    except Exception as error:
        # An exporter that does not know an architecture raises anything, and the other lines still stand.
        return broken(name, compared, " ".join(str(error).split())[:200] or type(error).__name__), None
    logits = load_artifact(folder).scorer.score(subject.texts).logits
    return subject.compare(name, compared, logits, subject.loaded, max(OTHER_ORDER, subject.tolerance)), logits
