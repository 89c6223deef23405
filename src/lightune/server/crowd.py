"""All open connections: so many at most, and the one that has kept the server waiting longest goes first."""

from __future__ import annotations

from typing import Protocol


class Member(Protocol):
    """A connection."""

    def evict(self) -> None:
        """Close it now."""
        ...


class Crowd:
    """Connections, and which of them wait for the client, the longest first: for a whole request, or for what is
    written to be taken.

    The others are no more than the queue takes, so there is room for a new one as long as `most` is larger than that:
    neither idle sockets nor those that send or read slowly keep /health from being asked.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: set[Member] = set()
        self._theirs: dict[Member, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, member: Member) -> bool:
        """Take in a new connection, whether there is room; another one may be evicted for it."""
        if len(self._all) >= self._most:
            if not self._theirs:
                return False
            longest = next(iter(self._theirs))
            self.leave(longest)
            longest.evict()
        self._all.add(member)
        self._theirs[member] = None
        return True

    def leave(self, member: Member) -> None:
        """Forget a connection."""
        self._all.discard(member)
        self._theirs.pop(member, None)

    def note(self, member: Member, theirs: bool) -> None:
        """Take in whose turn it is: the client's, or the server's."""
        if not theirs:
            self._theirs.pop(member, None)
        elif member in self._all:
            self._theirs.setdefault(member, None)
