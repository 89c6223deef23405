"""All open connections: so many at most, and the one that has kept the server waiting longest goes first."""

from __future__ import annotations

from typing import Protocol


class Member(Protocol):
    """A connection."""

    def evict(self) -> None:
        """Close it now."""
        ...


class Crowd:
    """Connections, and which of them have not sent a whole request, the longest first.

    Those that have are no more than the queue takes, so there is room for a new one as long as `most` is larger than
    that: neither idle sockets nor slow ones keep /health from being asked.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: set[Member] = set()
        self._sending: dict[Member, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, member: Member) -> bool:
        """Take in a new connection, whether there is room; another one may be evicted for it."""
        if len(self._all) >= self._most:
            if not self._sending:
                return False
            longest = next(iter(self._sending))
            self.leave(longest)
            longest.evict()
        self._all.add(member)
        self._sending[member] = None
        return True

    def leave(self, member: Member) -> None:
        """Forget a connection."""
        self._all.discard(member)
        self._sending.pop(member, None)

    def note(self, member: Member, sending: bool) -> None:
        """Take in whether a connection has to send something, or is waiting for the server."""
        if not sending:
            self._sending.pop(member, None)
        elif member in self._all:
            self._sending.setdefault(member, None)
