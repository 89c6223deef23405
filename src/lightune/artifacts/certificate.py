"""The certificate that lies beside an artefact."""

from __future__ import annotations

import json
from pathlib import Path

from lightune.records import Certificate, from_json

CERTIFICATE, CERTIFICATE_FORMAT = "certificate.json", 1


def read_certificate(folder: Path) -> Certificate | None:
    """Return the certificate in an artefact's folder; None where there is none of this format that can be read."""
    try:
        found = from_json(Certificate, json.loads((folder / CERTIFICATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.format == CERTIFICATE_FORMAT else None
