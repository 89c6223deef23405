"""The other end of a worker: runs one side's module. Needs nothing but Python, so that it starts in any environment."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import IO, Any


class Session:
    """What a side speaks with. `begin` once it is warm, then `answer` after each turn; both wait for the next turn and
    raise SystemExit when there is none."""

    def __init__(self, source: IO[str], sink: IO[str]) -> None:
        self._source = source
        self._sink = sink

    def spec(self) -> dict[str, Any]:
        """What the side is asked to do; the first line."""
        return self._read()

    def begin(self, **facts: Any) -> None:
        """Say that all is ready."""
        self._write(facts)

    def answer(self, seconds: float, **facts: Any) -> None:
        """Say how long the turn took."""
        self._write({"seconds": seconds, **facts})

    def turns(self, work: Callable[[], dict[str, Any] | None], **facts: Any) -> None:
        """A side whose turn is a call: time it for each."""
        self.begin(**facts)
        while True:
            start = time.perf_counter()
            said = work()
            self.answer(time.perf_counter() - start, **(said or {}))

    def _write(self, message: dict[str, Any]) -> None:
        self._sink.write(json.dumps(message) + "\n")
        self._sink.flush()
        self._read()

    def _read(self) -> dict[str, Any]:
        line = self._source.readline()
        if not line:
            raise SystemExit(0)
        message: dict[str, Any] = json.loads(line)
        return message


def main() -> None:
    """Keep standard output for the session, and send what libraries print to standard error."""
    sink = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    session = Session(sys.stdin, sink)
    module = import_module(f"benchmarks.sides.{sys.argv[1]}")
    module.run(session.spec(), session)


if __name__ == "__main__":
    main()
