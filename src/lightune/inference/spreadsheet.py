"""Cells that a spreadsheet would run as formulas, made text (OWASP, CSV Injection)."""

from __future__ import annotations

# As full-width forms too; a spreadsheet reads past blanks and what has no width.
_FORMULAS = tuple("=+-@＝＋－＠")
_BREAKS = ("\t", "\r", "\n")
_PASSED = " \u00a0\u200b\u2060\u3000\ufeff"


def neutral(value: str) -> str:
    """Return `value`, with an apostrophe before it where a spreadsheet would take it for more than text."""
    if value.startswith(_BREAKS) or value.lstrip(_PASSED).startswith((*_FORMULAS, *_BREAKS)):
        return f"'{value}"
    return value
