"""How much of a text is read: the ends of a very long one, so that tokenising takes bounded time whatever it holds.

The library's cut comes after tokenising, which takes seconds for a text of some megabytes, all of it for tokens that
are thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator

# Bytes of UTF-8 that are read of any text: 64 a token at 512 tokens, where English has about 4.5. Whatever fills them,
# one core tokenises them in less than 50 ms: signs and figures in turn, of which each is a word, take the longest.
READ_BYTES = 2**15
# More than that for cuts of more than 1,024 tokens.
BYTES_A_TOKEN = 32


def read_limit(room: int) -> int:
    """Bytes of UTF-8 that are read of a text of which `room` tokens are kept."""
    return max(READ_BYTES, BYTES_A_TOKEN * room)


def read_part(text: str, room: int, truncate: str) -> str:
    """Return what is read of `text`: the whole, as long as it takes no more than `read_limit` bytes; else its head, its
    tail, or half of each, as `truncate` says, with nothing between.

    Each part ends at a blank behind a visible character where one stands in the half of it that could be spared: there
    tokenizers part words whatever follows, so that tokens of the whole and of the part are the same but for those next
    to the cut. Where none stands, as in a single word of megabytes, the part is cut after the last whole character.
    """
    limit = read_limit(room)
    if not _longer(text, limit):
        return text
    if truncate == "head+tail":
        return _head(text, limit // 2) + _tail(text, limit // 2)
    return _tail(text, limit) if truncate == "tail" else _head(text, limit)


def pieces(text: str) -> Iterator[str]:
    """Give all of `text` in pieces of at most READ_BYTES, cut as `read_part` cuts."""
    if not _longer(text, READ_BYTES):
        yield text
        return
    at = 0
    while at < len(text):
        rest = text[at : at + READ_BYTES]
        piece = _head(rest, READ_BYTES) if at + len(rest) < len(text) or _longer(rest, READ_BYTES) else rest
        yield piece
        at += len(piece)


def _longer(text: str, limit: int) -> bool:
    if 4 * len(text) <= limit:
        return False
    return len(text) > limit or (not text.isascii() and len(_bytes(text)) > limit)


def _head(text: str, limit: int) -> str:
    part = _decoded(_bytes(text[:limit])[:limit])
    at = part.rfind(" ", len(part) // 2)
    while at > 0 and not _visible(part[at - 1]):
        at = part.rfind(" ", len(part) // 2, at)
    return part[:at] if at > 0 else part


def _tail(text: str, limit: int) -> str:
    part = _decoded(_bytes(text[-limit:])[-limit:])
    half = len(part) // 2
    at = part.find(" ", 1, half)
    while at > 0 and not _visible(part[at - 1]):
        at = part.find(" ", at + 1, half)
    return part[at:] if at > 0 else part


def _visible(character: str) -> bool:
    return character != " " and character.isprintable()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    """The whole characters among `data`, of which the first and the last may have lost bytes."""
    start, end = 0, len(data)
    while start < min(4, end) and data[start] & 0xC0 == 0x80:
        start += 1
    first = end - 1
    while first > max(start, end - 4) and data[first] & 0xC0 == 0x80:
        first -= 1
    if end > start and data[first] >= 0xC0 and first + (2 + (data[first] >= 0xE0) + (data[first] >= 0xF0)) > end:
        end = first
    return data[start:end].decode("utf-8", "surrogatepass")
