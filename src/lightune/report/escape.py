"""Other people's strings shortened for a page; templates escape them."""

from __future__ import annotations

from lightune.printable import one_line


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
