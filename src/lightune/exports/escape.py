"""Other people's strings in a card: a line of Markdown that shows them and nothing else."""

from __future__ import annotations

import html
import re

from lightune.printable import printable

_MARKDOWN = re.compile(r"([\\`*_\[\]|~$^#!:@{}])")


def code(text: str, table: bool = False) -> str:
    """A span of code, which no backtick in the text can end; in a table's cell no bar can either."""
    line = _line(text).replace("`", "'").replace("<", "‹")
    return f"`{line.replace('|', '¦') if table else line}`"


def escaped(text: str) -> str:
    """Plain words: no emphasis, link, heading, cell or HTML."""
    return _MARKDOWN.sub(r"\\\1", html.escape(_line(text), quote=False))


def _line(text: str) -> str:
    return " ".join(printable(text).split()) or "(blank)"
