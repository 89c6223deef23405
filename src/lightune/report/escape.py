"""Other people's strings made fit to stand in a page: cleaned, shortened, escaped."""

from __future__ import annotations

import html
import re

from lightune.printable import printable

_MARKDOWN = re.compile(r"([\\`*_\[\]|~$^])")
_REFERENCE = re.compile(r"([@#])(?=\w)")
_LINK = re.compile(r"(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)
# What would begin a heading, a list, a rule or an underline when it stands first on a line.
_START = re.compile(r"^(?=[-+=](?:[-=\s]|$)|#)|(?<=^\d)(?=[.)](?:\s|$))|(?<=^\d\d)(?=[.)](?:\s|$))")
WORD_JOINER = "\N{WORD JOINER}"


def one_line(text: str) -> str:
    """The printable text with every run of white space as one space."""
    return " ".join(printable(text).split())


def short(text: str, limit: int = 60) -> str:
    """One line of at most `limit` characters, with an ellipsis at its end where it was cut."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def sentence(text: str, limit: int = 500) -> str:
    """One line of at most `limit` characters that begins with a capital and ends with a full stop."""
    line = capital(short(text, limit))
    return line if line.endswith((".", "…", "!", "?")) else f"{line}."


def excerpt(text: str, limit: int = 400) -> tuple[str, str]:
    """A text of about `limit` characters at most, and a sentence on what was left out ("" if nothing was).

    Three fifths come from the beginning and two fifths from the end, where a review's verdict tends to stand.
    """
    line = one_line(text)
    if len(line) <= limit:
        return line, ""
    head, tail = _upto_word(line[: limit * 3 // 5]), _upto_word(line[: -(limit * 2 // 5) - 1 : -1])[::-1]
    left_out = len(line) - len(head) - len(tail)
    return f"{head} … {tail}", f"{left_out:,} of {len(line):,} characters left out in the middle"


def _upto_word(text: str) -> str:
    """The text without its last, perhaps broken, word; as it is where it has no space."""
    return text.rpartition(" ")[0].rstrip() or text


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
