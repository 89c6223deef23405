"""What a run made, saved and certified: what is kept answers as what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightune.errors import RunError
from lightune.progress import Progress
from lightune.records import Certificate, Rows, dumps
from lightune.whole import write_whole

if TYPE_CHECKING:
    from lightune.arms.base import Fitted


@dataclass(frozen=True)
class Saved:
    """What became of an artefact. certificate: None where nothing was saved that can be loaded again."""

    route: str | None = None
    size: int = 0
    certificate: Certificate | None = None

    @property
    def difference(self) -> float | None:
        """The largest difference in logits between what a new process loads and what was in memory."""
        if self.certificate is None:
            return None
        return next(check.difference for check in self.certificate.checks if check.name == "saved = in memory")


def save_and_certify(
    folder: Path, run: Path, fitted: Fitted, test: Rows, temperature: float | None, progress: Progress
) -> Saved:
    """Save the artefact and certify it on rows of `test`. One that fails is removed; its certificate stays in the
    run's folder. Raises RunError, naming the lines that failed."""
    from lightune.artifacts import folder_bytes, is_artifact, remove_artifact
    from lightune.certification import CERTIFICATE, certify, choose_texts, write_certificate

    progress("save", 0, 1, {})
    route = fitted.save(folder, temperature)
    if not is_artifact(folder):
        return Saved(route)
    size = folder_bytes(folder)
    try:
        checked = choose_texts(test, encoder_of(fitted))
        reference = fitted.logits(checked.texts)
        observed = fitted.facts.observed
        certificate = certify(
            folder, checked, reference, observed, route, lambda done, total: progress("certify", done, total, {})
        )
        write_whole(run / CERTIFICATE, dumps(certificate))
        if not certificate.passed:
            said = "; ".join(f"{check.name}: {check.reason}" for check in certificate.failed)
            raise RunError(f"The saved artefact does not pass its certificate, so it is not to be trusted. {said}.")
        write_certificate(folder, certificate, reference)
    except BaseException:
        remove_artifact(folder)
        raise
    return Saved(route, size, certificate)


def encoder_of(fitted: Fitted) -> Any:
    """The encoder of an arm that reads tokens; None for all others."""
    own = getattr(fitted, "encoder", None)
    return own if own is not None else getattr(getattr(fitted, "scorer", None), "encoder", None)
