"""SIGINT and SIGTERM while a training runs: it ends where it can be saved, and the signal is passed on then."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from lightune.ranks import SOLO, Group

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(SystemExit):
    """A training was asked to stop, and is where it can be saved."""


class SafeStop:
    """While it is entered, a signal raises Stopped, at once where that is allowed and else at the next such place. On
    leaving the signal goes to whoever had it before, so that the process ends as it would have without a training.

    In a thread that is not the main one it does nothing: signals do not come there.

    group: the processes of the training. A signal comes to each at another moment, or to one alone, so among several
    it raises only where they all ask: they agree there, and stop together.
    """

    def __init__(self, group: Group = SOLO) -> None:
        self.group = group
        self.number: int | None = None
        self._open = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> SafeStop:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):  # ignored on purpose, or not Python's to set
                    self._before[number] = before
                    signal.signal(number, self._asked)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if self.number is not None:
            signal.raise_signal(self.number)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Within it nothing changes that would be missed: an optimizer is between two steps."""
        self.ask()
        self._open = self.group.alone
        try:
            yield
        finally:
            self._open = False

    def ask(self) -> None:
        """Raise Stopped where a signal has come to any process of the group; each has to ask as often as the others."""
        asked = self.group.most(self.number or 0)
        if asked:
            self.number = asked
            raise Stopped(128 + asked)  # else a signal may have come meanwhile, which is heard the next time

    def _asked(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        # A second one changes nothing: a terminal's Ctrl+C comes together with what the parent sends.
        if self.number is not None:
            return
        self.number = number
        if self._open:
            self._open = False
            raise Stopped(128 + number)
