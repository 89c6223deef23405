"""Other people's strings in Markdown: shown, whatever stands in them."""

from __future__ import annotations

import html
import re

from lightune.printable import one_line, printable

_MARKDOWN = re.compile(r"([\\`*_\[\]|~$^])")
_REFERENCE = re.compile(r"([@#])(?=\w)")
_LINK = re.compile(r"(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)
# What would begin a heading, a list, a rule or an underline when it stands first on a line.
_START = re.compile(r"^(?=[-+=](?:[-=\s]|$)|#)|(?<=^\d)(?=[.)](?:\s|$))|(?<=^\d\d)(?=[.)](?:\s|$))")
WORD_JOINER = "\N{WORD JOINER}"


def markdown(text: str) -> str:
    """One line of GitHub-flavoured Markdown that shows `text` and nothing else.

    It cannot end a table's cell or row, make a heading, a link, an emphasis or HTML; it mentions nobody and
    refers to no issue. Fit for a table's cell or a line.
    """
    # A "<" before a space opens no tag anywhere, and "p < 0.001" stays readable in the source.
    line = html.escape(one_line(text), quote=False).replace("&lt; ", "< ")
    line = _MARKDOWN.sub(r"\\\1", line)
    line = _START.sub(r"\\", line)
    line = _LINK.sub(lambda match: "\\" + match.group(), line)
    return _REFERENCE.sub(rf"\1{WORD_JOINER}", line)


def fence(text: str, language: str = "") -> str:
    """A Markdown code block that `text` cannot end, whatever backticks it holds."""
    body = printable(text).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    bars = "`" * max(3, longest + 1)
    return f"{bars}{language}\n{body}\n{bars}"


def code(text: str, table: bool = False) -> str:
    """A span of code, which no backtick in the text can end; in a table's cell no bar can either."""
    line = one_line(text).replace("`", "'").replace("<", "‹") or "(blank)"
    return f"`{line.replace('|', '¦') if table else line}`"
