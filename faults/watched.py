"""A command in a forked child that is watched: what it executes, opens, starts and connects to, by Python's audit
hooks, and how it ends."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 60
# What a child may take beyond what it begins with.
MOST_MEMORY = 2 * 2**30
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")


@dataclass(frozen=True)
class Ending:
    """code: the exit code, negative for a signal. out, err: what it said. events: what an artefact must not cause.
    memory: bytes of its peak beyond its start."""

    code: int
    out: str
    err: str
    events: tuple[str, ...]
    memory: int

    @property
    def refused(self) -> bool:
        """One sentence and exit code 2, without a word on standard output."""
        return (
            self.code == 2
            and not self.out
            and self.err.startswith("lightune: ")
            and self.err.count("\n") == 1
            and len(self.err) < 1500
            and "fault of lightune" not in self.err
        )

    @property
    def answered(self) -> bool:
        """The command gave a label."""
        return self.code == 0 and '"label"' in self.out


class Watch:
    """An audit hook that notes what happens beyond `allowed` places. A connection is not only noted but refused."""

    def __init__(self, allowed: Sequence[Path]) -> None:
        places = [*allowed, Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[1]]
        self.places = [os.path.realpath(place) for place in places] + ["/proc", "/sys", "/dev", "/etc"]
        self.events: list[str] = []
        self.on = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by Python for everything that it audits."""
        if not self.on:
            return
        self.on = False  # what follows is ours
        try:
            if event == "open" and isinstance(args[0], (str, bytes)):
                self._place("opened", os.fsdecode(args[0]))
            elif event == "exec" and getattr(args[0], "co_filename", "").startswith("/"):
                self._place("executed", args[0].co_filename)
            elif event == "pickle.find_class" or event in STARTS:
                self.events.append(f"{event} {args!r:.200}")
            elif event in ("socket.connect", "socket.getaddrinfo"):
                self.events.append(f"{event} {args[0]!r:.100}")
                raise OSError("no connection is made here")
        finally:
            self.on = True

    def _place(self, what: str, path: str) -> None:
        real = os.path.realpath(path)
        if not any(real == place or real.startswith(place + os.sep) for place in self.places):
            self.events.append(f"{what} {real}")


def watched(prepare: Callable[[], object], words: Sequence[str], allowed: Sequence[Path], scratch: Path) -> Ending:
    """Run `lightune WORDS` in a forked child, watched, after `prepare` in the same child, unwatched."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        out, err, told = (Path(folder) / name for name in ("out", "err", "told"))
        child = os.fork()
        if child == 0:
            code = 70
            try:
                code = _run(prepare, words, allowed, (out, err, told))
            except BaseException:
                err.write_text(traceback.format_exc(), encoding="utf-8")
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        events, memory = json.loads(told.read_text(encoding="utf-8")) if told.exists() else ([], 0)
        said = [path.read_text(encoding="utf-8", errors="replace") if path.exists() else "" for path in (out, err)]
    return Ending(code, said[0], said[1], tuple(dict.fromkeys(events)), memory)


def _run(
    prepare: Callable[[], object], words: Sequence[str], allowed: Sequence[Path], files: tuple[Path, Path, Path]
) -> int:
    from lightune.cli.main import main

    prepare()
    for path, descriptor in zip(files, (1, 2), strict=False):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    watch = Watch(allowed)
    signal.alarm(SECONDS)
    _bound_memory()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.addaudithook(watch)
    watch.on = True
    try:
        return main(list(words))
    finally:
        watch.on = False
        sys.stdout.flush()
        sys.stderr.flush()
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        files[2].write_text(json.dumps([watch.events, grown]), encoding="utf-8")


def _bound_memory() -> None:
    held = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MOST_MEMORY, held + MOST_MEMORY))
