"""`python -m lightune`, and what the command `lightune` begins with."""

from __future__ import annotations

import signal
import sys

from lightune.signals import Terminated, terminable


def entry() -> int:
    """Run the command line as this process. Signals are heard from the first moment on, while the command line itself
    is still loading, and no more once all is done and said. Returns the exit code."""
    try:
        with terminable():
            from lightune.cli.main import main

            code = main()
    except KeyboardInterrupt:
        code = _before("Interrupted", 130)
    except Terminated:
        code = _before("Terminated", 143)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    return code


def _before(what: str, code: int) -> int:
    print(f"lightune: {what}. Nothing was begun yet.", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(entry())
