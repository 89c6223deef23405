"""SIGTERM and Ctrl-C as exceptions, so that what is open gets closed on the way out, which takes 10 s at most."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# A second signal within so many seconds is the first one come twice: a terminal tells every process of a command, and
# whatever runs the command passes it on.
ECHO_SECONDS = 1.0
# Until a signal whose exception was lost comes again.
AGAIN_SECONDS = 0.02
# What a process takes to leave, at most: whoever asked it to waits for about 10 s.
LEAVE_SECONDS = 9.5

LastWord = Callable[[int], None]


class Terminated(BaseException):
    """The process was asked to end."""


class Stop:
    """What a process was told. number: of the first signal; None where there was none."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._last = 0.0

    def heard(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """The handler."""
        now = time.monotonic()
        if self.number is None:
            self.number = number
        elif now - self._last < ECHO_SECONDS:
            return
        self._last = now
        raise _exception(number)

    def forget_echo(self) -> None:
        """Raise at the next signal, however soon it comes."""
        self._last = -math.inf

    @contextmanager
    def itself(self) -> Iterator[None]:
        """Raise what was heard in place of an exception that it became on its way: Python makes a RuntimeError of any
        that comes while a class is made, and libraries one of their own of what they were stopped in."""
        try:
            yield
        except Exception:  # of whatever kind: who makes another exception of a signal's chooses
            if self.number is None:
                raise
            raise _exception(self.number) from None


@contextmanager
def terminable(last_word: LastWord | None = None) -> Iterator[Stop]:
    """Within it SIGTERM raises Terminated and SIGINT KeyboardInterrupt, in the main thread; a second signal that is
    none of the first one's raises once more. Handlers that were there before are put back. Yields what is heard.

    last_word: called with the signal's number in another thread where the process has not left LEAVE_SECONDS after it
    heard a signal, as in a computation that does not come back to Python; it has to end the process. A SIGINT that is
    ignored stays so, and one that is handled otherwise by then is left to whoever does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Stop()
        return
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        numbers.append(signal.SIGINT)
    stop = Stop()
    with _never_lost(stop.forget_echo):
        before = {number: signal.signal(number, stop.heard) for number in numbers}
        try:
            with _watched(stop, last_word):
                yield stop
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def stoppable() -> Iterator[None]:
    """Within it, in a worker: the first SIGTERM raises Terminated, and further ones change nothing, so that what is
    being saved gets saved. Ctrl-C is for the parent, which then sends SIGTERM. Not for good: handlers are put back."""
    told = threading.Event()

    def heard(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if not told.is_set():
            told.set()
            raise Terminated

    with _never_lost(told.clear):
        before = {
            signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
            signal.SIGTERM: signal.signal(signal.SIGTERM, heard),
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def leave(code: int) -> NoReturn:
    """End this process at once, with what it has said. What an interpreter with torch in it tidies up at its end is
    memory alone, and takes a second of whoever waits for it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _exception(number: int) -> BaseException:
    return Terminated() if number == signal.SIGTERM else KeyboardInterrupt()


@contextmanager
def _never_lost(forget: Callable[[], None]) -> Iterator[None]:
    """Send a signal again whose exception Python drops, as it does with any that comes while a weak reference's
    callback or an object's `__del__` runs. forget: lets the handler raise once more."""
    before = sys.unraisablehook
    main = threading.main_thread().ident or 0

    def again(number: int) -> None:
        # Where handlers are put back all is done, and the signal would end a process that others still need.
        if signal.getsignal(number) not in (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler):
            forget()
            signal.pthread_kill(main, number)

    def dropped(lost: sys.UnraisableHookArgs) -> None:
        number = {Terminated: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}.get(lost.exc_type)
        if number is None:
            before(lost)
        else:
            # From another thread and later: here, where the callback still runs, it would be dropped again.
            later = threading.Timer(AGAIN_SECONDS, again, [number])
            later.daemon = True
            later.start()

    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _watched(stop: Stop, last_word: LastWord | None) -> Iterator[None]:
    """Have a thread told of signals too, by the system: a handler waits for the main thread to come back to Python."""
    if last_word is None:
        yield
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    left = threading.Event()
    watch = threading.Thread(target=_watch, args=(ours, stop, left, last_word), daemon=True)
    watch.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        left.set()
        theirs.close()  # which ends the thread
        watch.join()
        ours.close()


def _watch(signals: socket.socket, stop: Stop, left: threading.Event, last_word: LastWord) -> None:
    while heard := signals.recv(1):
        number = heard[0]
        if signal.getsignal(number) == stop.heard:
            if not left.wait(LEAVE_SECONDS):
                last_word(number)
            return
