"""Signals as exceptions, heard once, and a bound on how long leaving takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from lightune import signals
from lightune.cli import main as line
from lightune.signals import Terminated, stoppable, terminable


@pytest.fixture(autouse=True)
def put_back():
    """Whatever a test does, the handlers are those that were there."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hook = sys.unraisablehook
    yield
    assert sys.unraisablehook is hook
    for number, handler in before.items():
        assert signal.getsignal(number) is handler
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_is_an_exception(number, raised):
    with pytest.raises(raised), terminable(lambda _: None):
        signal.raise_signal(number)


class Signals:
    """Python calls this while a class is made."""

    def __set_name__(self, owner, name):
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_became_another_exception_is_one_still():
    with pytest.raises(Terminated), terminable() as stop, stop.itself():
        type("Made", (), {"it": Signals()})
    with pytest.raises(KeyError), terminable() as stop, stop.itself():
        raise KeyError


def _signalled_while_it_cleans_up(number, cleaned):
    try:
        signal.raise_signal(number)
    finally:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(number)
        cleaned.append(True)


def test_a_signal_that_comes_twice_does_not_disturb_the_cleaning_up():
    cleaned = []
    with pytest.raises(KeyboardInterrupt), terminable():
        _signalled_while_it_cleans_up(signal.SIGINT, cleaned)
    assert cleaned


def test_a_second_one_cuts_it_short(monkeypatch):
    monkeypatch.setattr(signals, "ECHO_SECONDS", 0.0)
    cleaned = []
    with pytest.raises(Terminated), terminable():
        _signalled_while_it_cleans_up(signal.SIGINT, cleaned)
    assert not cleaned


def test_ctrl_c_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with terminable():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def _swallow(ended: threading.Event, seconds: float) -> bool:
    """As a library does that keeps every exception for itself; whether it was ended."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException:
        return ended.wait(seconds)
    return False


@pytest.mark.full
def test_who_does_not_heed_a_signal_is_ended(monkeypatch):
    monkeypatch.setattr(signals, "LEAVE_SECONDS", 0.05)
    ended, heard = threading.Event(), []

    def last_word(number):
        heard.append(number)
        ended.set()

    with terminable(last_word):
        assert _swallow(ended, 60)
    assert heard == [signal.SIGTERM]
    with terminable():  # nobody has the last word, and it goes on
        assert not _swallow(threading.Event(), 0.3)


def test_who_leaves_in_time_is_not(monkeypatch):
    heard = []
    with pytest.raises(Terminated), terminable(heard.append):
        signal.raise_signal(signal.SIGTERM)
    assert heard == []


@pytest.mark.full
def test_signals_that_somebody_else_handles_are_left_to_them(monkeypatch):
    monkeypatch.setattr(signals, "LEAVE_SECONDS", 0.05)
    ended, theirs = threading.Event(), []
    with terminable(lambda _: ended.set()):
        before = signal.signal(signal.SIGTERM, lambda *_: theirs.append(True))
        os.kill(os.getpid(), signal.SIGTERM)
        assert not ended.wait(0.3)
        signal.signal(signal.SIGTERM, before)
    assert theirs == [True]


def test_a_worker_heeds_its_parent_once_and_no_terminal():
    saved = []
    with stoppable():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Terminated):
            _signalled_while_it_cleans_up(signal.SIGTERM, saved)
    assert saved


class Dropping:
    """Python drops what is raised while an object goes."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        signal.raise_signal(self.number)


def _goes_on_after(number):
    """Hear the signal where its exception is dropped, and go on as if nothing was."""
    Dropping(number)
    for _ in range(200):
        time.sleep(0.01)
    pytest.fail("the signal was lost")


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_whose_exception_is_dropped_comes_again(number, raised):
    with pytest.raises(raised), terminable():
        _goes_on_after(number)


def test_so_it_does_in_a_worker_and_where_one_is_within_another(monkeypatch):
    monkeypatch.setattr(signals, "AGAIN_SECONDS", 0.3)
    with pytest.raises(Terminated), stoppable():
        _goes_on_after(signal.SIGTERM)

    def within():
        with terminable():
            Dropping(signal.SIGTERM)
        inner.append("left")
        time.sleep(1.0)

    inner = []
    with pytest.raises(Terminated), terminable():
        within()
    assert inner


def test_what_else_is_dropped_is_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: told.append(lost.exc_type))

    class Broken:
        def __del__(self):
            raise KeyError

    with terminable():
        Broken()
    assert told == [KeyError]


def test_a_dropped_one_that_comes_too_late_ends_nobody():
    words = (
        "import signal, time; from lightune.signals import terminable\n"
        "class Dropping:\n    def __del__(self): signal.raise_signal(signal.SIGTERM)\n"
        "with terminable(): Dropping()\n"
        "time.sleep(0.5); print('goes on')"
    )
    ended = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "goes on\n")


def test_after_one_that_came_again_cleaning_up_is_not_disturbed_either():
    cleaned = []

    def work():
        try:
            _goes_on_after(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned.append(True)

    with pytest.raises(Terminated), terminable():
        work()
    assert cleaned


def test_leaving_is_at_once_and_with_what_was_said():
    words = (
        "import atexit; from lightune.signals import leave; atexit.register(print, 'late'); print('said'); leave(143)"
    )
    left = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert (left.returncode, left.stdout, left.stderr) == (143, "said\n", "")


def test_in_another_thread_nothing_is_touched():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with terminable(lambda _: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "Terminated"), (signal.SIGINT, 130, "Interrupted")]
)
def test_one_that_comes_when_all_is_done_has_its_word_too(monkeypatch, capsys, number, code, word):
    @contextmanager
    def late(last_word):
        with terminable(last_word) as stop:
            yield stop
            signal.raise_signal(number)

    monkeypatch.setattr(line, "terminable", late)
    assert line.main(["--version"]) == code
    assert capsys.readouterr().err == f"lightune: {word}.\n"
