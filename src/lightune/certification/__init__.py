"""Certificates: what a saved artefact answers, checked in every way that is known to go wrong."""

from lightune.artifacts import CERTIFICATE, read_certificate
from lightune.certification.certify import REFERENCE, certify, kept_reference, write_certificate
from lightune.certification.texts import CheckedTexts, choose_rows, choose_texts, with_odd_texts
from lightune.certification.verify import verify
from lightune.certification.works import Tried, try_method, try_methods

__all__ = [
    "CERTIFICATE",
    "REFERENCE",
    "CheckedTexts",
    "Tried",
    "certify",
    "choose_rows",
    "choose_texts",
    "kept_reference",
    "read_certificate",
    "try_method",
    "try_methods",
    "verify",
    "with_odd_texts",
    "write_certificate",
]
