"""Where the commands of all ranks meet while rank 0's runs its study: it announces runs, the others take part.

What is said goes through torch's TCPStore: the launcher's own where it has one, else one in rank 0's process.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from lightune.errors import MachineError
from lightune.ranks.environment import Ranks
from lightune.ranks.group import wait_seconds

POLL_SECONDS = 0.1
# What the others take to have heard that all is over.
LEAVE_SECONDS = 5.0


class Meeting:
    """Of `ranks`, of which this process is one. Raises MachineError where others do not come, or rank 0 has gone."""

    def __init__(self, ranks: Ranks) -> None:
        from torch.distributed.distributed_c10d import PrefixStore
        from torch.distributed.rendezvous import rendezvous

        self.ranks = ranks
        self._said = 0
        try:
            timeout = timedelta(seconds=wait_seconds())
            store = next(rendezvous("env://", ranks.rank, ranks.size, timeout=timeout))[0]
        except RuntimeError as error:
            raise MachineError(
                f"The {ranks.size} processes of this command do not find each other at {ranks.host}:{ranks.port} "
                f"({_line(error)}). Start as many as --nproc-per-node and --nnodes say, on hosts that reach that one."
            ) from error
        self._store = PrefixStore("lightune/meeting", store)

    def announce(self, what: dict[str, Any]) -> int:
        """Rank 0: tell the others of a run, or of the end. Returns its number."""
        number = self._said
        self._set(f"said/{number}", what)
        self._said += 1
        return number

    def heard(self, number: int) -> dict[str, Any] | None:
        """The others: what was announced under this number; None: nothing yet."""
        return self._get(f"said/{number}")

    def answer(self, number: int, what: dict[str, Any]) -> None:
        """The others: how this rank's part in a run ended."""
        self._set(f"answer/{number}/{self.ranks.rank}", what)

    def answers(self, number: int, seconds: float = 0.0) -> dict[int, dict[str, Any]]:
        """Rank 0: how the others' parts in a run ended, by rank; of those that said so within `seconds`."""
        until = time.monotonic() + seconds
        while True:
            found = {rank: self._get(f"answer/{number}/{rank}") for rank in range(1, self.ranks.size)}
            heard = {rank: said for rank, said in found.items() if said is not None}
            if len(heard) == len(found) or time.monotonic() >= until:
                return heard
            time.sleep(POLL_SECONDS)

    def close(self, number: int) -> None:
        """Rank 0: its part in a run has ended. Where the place to meet has gone nobody hears of it or has to."""
        with suppress(MachineError):
            self._set(f"over/{number}", {})

    def is_closed(self, number: int) -> bool:
        """The others: whether rank 0's part has ended."""
        return self._get(f"over/{number}") is not None

    def end(self, code: int) -> None:
        """Rank 0: tell the others to leave with `code`, and wait until they have heard of it."""
        with suppress(MachineError):  # the launcher has gone, and ends the others
            self.answers(self.announce({"leave": code}), LEAVE_SECONDS)

    def _set(self, key: str, value: dict[str, Any]) -> None:
        try:
            self._store.set(key, json.dumps(value))
        except RuntimeError as error:
            raise self._gone(error) from error

    def _get(self, key: str) -> dict[str, Any] | None:
        try:
            return json.loads(self._store.get(key)) if self._store.check([key]) else None
        except RuntimeError as error:
            raise self._gone(error) from error

    def _gone(self, error: RuntimeError) -> MachineError:
        return MachineError(f"The place where this command's processes meet has gone ({_line(error)}).")


def _line(error: RuntimeError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
