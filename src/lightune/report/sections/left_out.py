"""What was not done, said in one place."""

from __future__ import annotations

from lightune.records import StudyResult
from lightune.report.document import Bullets, Section
from lightune.report.escape import capital, sentence, short


def left_out_section(result: StudyResult) -> Section | None:
    """Each analysis that was left out, with the reason."""
    omitted = dict(result.findings.left_out)
    behaviour = result.findings.behaviour
    if behaviour is not None and behaviour.left_out is not None:
        omitted.setdefault("behaviour checks", behaviour.left_out)
    if not omitted:
        return None
    return Section(
        anchor="left-out",
        title="What was left out",
        read="What this report does not say, and why. Where it is silent there may be something all the same.",
        computed="Each analysis says for itself whether it fits the data.",
        blocks=(Bullets(tuple(f"{capital(short(name))}: {sentence(why)}" for name, why in omitted.items())),),
    )
