"""`python -m lightune`, and what the command `lightune` begins with."""

from __future__ import annotations

import signal
import sys

from lightune.signals import Terminated, leave, terminable


def entry() -> int:
    """Run the command line as this process. Signals are heard from the first moment on, while the command line itself
    is still loading, and no more once all is done and said. Returns the exit code."""
    begun, code = False, 0
    try:
        with terminable():
            from lightune.cli.main import main

            begun = True
            code = main()
    except (KeyboardInterrupt, Terminated) as stopped:
        what, stopped_code = ("Terminated", 143) if isinstance(stopped, Terminated) else ("Interrupted", 130)
        if not begun:  # else the command line has said so itself
            print(f"lightune: {what}. Nothing was begun yet.", file=sys.stderr)  # noqa: T201
        code = code if code in (130, 143) else stopped_code
    stopped_by_signal = code in (130, 143)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Else what is left to do may be long, and whoever waits for it must be able to end it.
        signal.signal(number, signal.SIG_IGN if stopped_by_signal else signal.SIG_DFL)
    if stopped_by_signal:
        leave(code)
    return code


if __name__ == "__main__":
    sys.exit(entry())
