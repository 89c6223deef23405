"""What certificates say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from lightune.records import ArmResult, Check
from lightune.report import format as show
from lightune.report.document import Paragraph
from lightune.report.escape import sentence, short

# More failed lines than this are named in one sentence; the section has the reasons.
_MOST_SENTENCES = 2


def certificate_warnings(arms: Sequence[ArmResult]) -> list[Paragraph]:
    """The failed lines for the top of the page, where they cannot be missed."""
    failed = {
        arm.name: arm.certificate.failed for arm in arms if arm.certificate is not None and arm.certificate.failed
    }
    if sum(map(len, failed.values())) <= _MOST_SENTENCES:
        return [Paragraph(failed_line(arm, check, 300), "bad") for arm, checks in failed.items() for check in checks]
    named = "; ".join(f"{short(arm)} ({', '.join(short(check.name) for check in failed[arm])})" for arm in failed)
    return [Paragraph(f"Certificates have failed lines: {named}. The section Certificate has the reasons.", "bad")]


def failed_line(arm: str, check: Check, limit: int = 2000) -> str:
    """One sentence or two on a line that failed: by how much, and why."""
    difference, most = show.scientific(check.difference), show.limit(check.tolerance)
    measured = ""
    if show.defined(check.difference):
        measured = f", with a difference of {difference}"
        measured += f" where {most} is allowed" if show.defined(check.tolerance) else ""
    why = f" {sentence(check.reason, limit)}" if check.reason else ""
    return f"The certificate of {short(arm)} failed at {short(check.name)}{measured}.{why}"
