"""The fresh process: another one for each call, heard of when it breaks, and gone when whoever started it is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lightune import fresh
from lightune.errors import RunError
from lightune.fresh import FreshProcesses, fresh_processes

PATIENCE = 100.0


@pytest.fixture
def server() -> Iterator[FreshProcesses]:
    """A server of its own, which loads nothing."""
    made = FreshProcesses(preload=())
    yield made
    made.close()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie, which init has still to bury."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_in(path: Path) -> int:
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tasks for a server to do, in a module that it finds."""
    (tmp_path / "odd_tasks.py").write_text(
        "import os, time\n"
        "def note(path):\n"
        "    with open(path + '.new', 'w') as file:\n"
        "        file.write(f'{os.getpid()}\\n')\n"
        "    os.replace(path + '.new', path)\n"
        "def hang(path):\n"
        "    note(path)\n"
        "    time.sleep(600)\n"
        "def loud():\n"
        "    print('done', flush=True)\n"
        "    os.write(1, b'done\\n')\n"
        "    return 'heard'\n"
        "def speechless():\n"
        "    raise ValueError\n"
        "def no_json():\n"
        "    return object()\n"
        "def leave():\n"
        "    raise SystemExit(3)\n"
        "calls = []\n"
        "def count():\n"
        "    calls.append(1)\n"
        "    return len(calls)\n"
        "def die():\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return tmp_path


def test_each_call_is_another_process(server: FreshProcesses) -> None:
    pids = [server.call("os:getpid") for _ in range(3)]
    assert len({*pids, os.getpid()}) == 4
    assert not any(lives(pid) for pid in pids)


def test_what_a_call_changes_the_next_does_not_see(helper: Path) -> None:
    with contextlib.closing(FreshProcesses(preload=("odd_tasks",))) as server:
        assert [server.call("odd_tasks:count") for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("json:loads", "loads"),
        ("no_such_module:f", "no_such_module"),
        ("os:no_such_function", "no_such_function"),
        ("odd_tasks:speechless", "ValueError"),
        ("odd_tasks:no_json", "not JSON serializable"),
        ("odd_tasks:leave", "3"),
        ("odd_tasks:die", "ended before it had answered"),
    ],
)
def test_what_goes_wrong_in_it_comes_back_and_the_next_call_is_answered(helper: Path, task: str, said: str) -> None:
    with contextlib.closing(FreshProcesses(preload=())) as server:
        with pytest.raises(RunError, match=said):
            server.call(task)
        assert server.call("os:getpid") > 0


def test_what_a_task_prints_is_not_taken_for_its_end(helper: Path) -> None:
    with contextlib.closing(FreshProcesses(preload=())) as server:
        assert [server.call("odd_tasks:loud") for _ in range(3)] == ["heard"] * 3


def test_two_callers_are_answered_in_turn(server: FreshProcesses) -> None:
    found: dict[int, list[str]] = {0: [], 1: []}

    def ask(caller: int) -> None:
        for at in range(5):
            found[caller].append(server.call("textwrap:dedent", text=f"{caller} {at}"))

    threads = [threading.Thread(target=ask, args=(caller,)) for caller in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == {caller: [f"{caller} {at}" for at in range(5)] for caller in found}


@pytest.mark.parametrize("whom", ["child", "server"])
def test_killing_it_is_an_error_and_no_hang(helper: Path, whom: str) -> None:
    with contextlib.closing(FreshProcesses(preload=())) as server:
        caught: list[BaseException] = []

        def ask() -> None:
            try:
                server.call("odd_tasks:hang", path=str(helper / "pid"))
            except RunError as error:
                caught.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        child = pid_in(helper / "pid")
        os.kill(child if whom == "child" else server._server.pid, signal.SIGKILL)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert len(caught) == 1
        assert "process that checks what was saved" in str(caught[0])
        wait_for(lambda: not lives(child))


def test_one_that_was_killed_between_calls_is_an_error_and_another_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fresh, "_shared", None)
    monkeypatch.setattr(fresh, "PRELOADED", ())
    first = fresh_processes()
    assert fresh_processes() is first
    os.kill(first._server.pid, signal.SIGKILL)
    with pytest.raises(RunError, match="is gone"):
        first.call("os:getpid")
    second = fresh_processes()
    assert second is not first
    assert second.call("os:getpid") > 0
    second.close()


def test_one_whose_libraries_are_broken_says_so() -> None:
    with (
        contextlib.closing(FreshProcesses(preload=("no_such_module",))) as server,
        pytest.raises(RunError, match="is gone"),
    ):
        server.call("os:getpid")


CALLER = """
import os, sys
from lightune.fresh import FreshProcesses
server = FreshProcesses(preload=())
with open(sys.argv[1] + ".server", "w") as file:
    file.write(f"{server._server.pid}\\n")
server.call("odd_tasks:hang", path=sys.argv[1])
"""


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_when_its_parent_ends_while_it_works_nothing_is_left(helper: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", CALLER, str(helper / "pid")], stderr=subprocess.DEVNULL)
    pids = (pid_in(helper / "pid"), pid_in(helper / "pid.server"))
    assert all(lives(pid) for pid in pids)
    parent.send_signal(number)
    assert parent.wait(PATIENCE) != 0
    wait_for(lambda: not any(lives(pid) for pid in pids))


@pytest.mark.full
def test_an_interruption_ends_it_and_leaves_no_answer_for_the_next_call(
    helper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(FreshProcesses(preload=())) as server:
        timer = threading.Thread(target=lambda: (pid_in(helper / "pid"), os.kill(os.getpid(), signal.SIGINT)))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            server.call("odd_tasks:hang", path=str(helper / "pid"))
        timer.join(PATIENCE)
        assert not server.running
        wait_for(lambda: not lives(pid_in(helper / "pid")))
    monkeypatch.setattr(fresh, "_shared", server)
    monkeypatch.setattr(fresh, "PRELOADED", ())
    with contextlib.closing(fresh_processes()) as another:
        assert another is not server
        assert another.call("os:getpid") > 0
