"""Certificates: what a saved artefact answers, checked in every way that is known to go wrong."""

from lightune.certification.certify import CERTIFICATE, REFERENCE, certify, kept_reference, write_certificate
from lightune.certification.texts import CheckedTexts, choose_texts, with_odd_texts

__all__ = [
    "CERTIFICATE",
    "REFERENCE",
    "CheckedTexts",
    "certify",
    "choose_texts",
    "kept_reference",
    "with_odd_texts",
    "write_certificate",
]
