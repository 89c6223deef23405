"""`lightune`: the verbs put together, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from lightune.cli import compare, export, inspect, methods, predict, push, render, report, search, serve, study, verify
from lightune.cli.kept import kept
from lightune.cli.ranks import LATER_SECONDS, check_alone, over_ranks
from lightune.disk import disk_fault
from lightune.errors import LightuneError
from lightune.printable import printable
from lightune.ranks import is_follower, is_launched
from lightune.signals import Stop, Terminated, terminable
from lightune.version import VERSION

INTERRUPTED, TERMINATED = 130, 143
# Older versions of typer raise click's UsageError, newer ones that of a copy they carry: this is whichever it is.
USAGE_ERROR: Any = typer.BadParameter.__mro__[1]

# The one verb that several processes of a launcher do together.
STUDY = "study"

app = typer.Typer(
    name="lightune",
    help="Is fine-tuning a pre-trained model worth it on your texts, with which method, at what cost?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(STUDY)(over_ranks(study.study))
app.command("search")(search.search)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("push")(push.push)
app.command("inspect")(inspect.inspect)
app.command("render")(render.render)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("methods")(methods.methods)
app.command("verify")(verify.verify)
app.command("serve")(serve.serve)


def _version(asked: bool) -> None:
    if asked:
        print(f"lightune {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks; every command takes it."),
) -> None:
    """Is fine-tuning a pre-trained model worth it on your texts, with which method, at what cost?"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 a fault of the program or a failed arm, 2 the user's
    input, 130 interrupted, 143 terminated. `--debug`, anywhere, shows tracebacks."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    words = [word for word in arguments if word != "--debug"]
    # What is said at the end is said within it: a second signal must not cut that off.
    debug = len(words) < len(arguments)
    code: int | None = None
    try:
        with terminable(lambda number: _leave(number, words)) as stop:
            code = _run(words, debug, stop)
    except (KeyboardInterrupt, Terminated) as late:
        if code is None:  # a second one, which cut off what was being said of the first
            raise
        if code not in (INTERRUPTED, TERMINATED):  # all was done already
            what, code = ("Terminated", TERMINATED) if isinstance(late, Terminated) else ("Interrupted", INTERRUPTED)
            _say(f"{what}.", code, debug=False, words=words)
    return code


def _run(words: Sequence[str], debug: bool, stop: Stop) -> int:
    try:
        if words and words[0] in {verb.name for verb in app.registered_commands} - {STUDY}:
            check_alone(f"`lightune {words[0]}`")
        with stop.itself(), _without_warnings(debug):
            code = app(list(words), standalone_mode=False)
        if code == INTERRUPTED:  # what typer makes of a KeyboardInterrupt
            raise KeyboardInterrupt
    except USAGE_ERROR as error:
        if not words:
            print(error.format_message(), file=sys.stderr)  # the help
            return int(error.exit_code)
        return _say(error.format_message(), error.exit_code, debug, words)
    except LightuneError as error:
        return _say(str(error), error.exit_code, debug, words)
    except (KeyboardInterrupt, typer.Abort):
        return _say(f"Interrupted.{kept(words)}", INTERRUPTED, debug=False, words=words)
    except Terminated:
        return _say(f"Terminated.{kept(words)}", TERMINATED, debug=False, words=words)
    except (BrokenPipeError, SystemExit):
        # Whoever read our output has seen enough; newer versions of typer leave with SystemExit then.
        _drop_output()
        return 0
    except OSError as error:
        full = disk_fault(error, Path.cwd()) if error.filename else None
        said = full or f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
        return _say(said, 1, debug, words)
    except Exception as error:
        return _say(f"{type(error).__name__}: {error} (a fault of lightune; --debug shows where)", 1, debug, words)
    return code if isinstance(code, int) else 0


@contextlib.contextmanager
def _without_warnings(debug: bool) -> Iterator[None]:
    """Keep what libraries have to say to programmers from people, unless they asked for it."""
    with warnings.catch_warnings():
        if not debug and not sys.warnoptions:
            warnings.simplefilter("ignore")
        yield


def _leave(number: int, words: Sequence[str]) -> None:
    """End this process at once, from another thread: the main one did not heed a signal in time. What is written takes
    its place whole or not at all, and workers go with this process."""
    code, what = (TERMINATED, "Terminated") if number == signal.SIGTERM else (INTERRUPTED, "Interrupted")
    if _is_silent(words):
        os._exit(code)
    with contextlib.suppress(OSError):
        os.write(2, f"lightune: {what}.{kept(words)}\n".encode(errors="replace"))
    os._exit(code)


def _drop_output() -> None:
    """Send what is still to be written nowhere, so that the interpreter does not trip on it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_silent(words: Sequence[str]) -> bool:
    """Whether rank 0 speaks for this process: in a study, and where processes of a launcher are refused."""
    return is_follower() and (is_launched() or words[:1] == [STUDY])


def _say(sentence: str, code: int, debug: bool, words: Sequence[str]) -> int:
    if _is_silent(words) and not debug:
        if code not in (INTERRUPTED, TERMINATED):
            time.sleep(LATER_SECONDS)  # once this process has left, the launcher ends rank 0
        return code
    if debug:
        print(printable(traceback.format_exc()), file=sys.stderr)
    print(f"lightune: {printable(sentence)}", file=sys.stderr)
    return code
