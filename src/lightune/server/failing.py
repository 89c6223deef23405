"""What may be said of an exception in a log: its kind and its place in the code, never its message, which may quote a
text."""

from __future__ import annotations

from pathlib import Path


def place_of(error: BaseException) -> str:
    """Name the kind of an exception and the line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_name} ({'/'.join(Path(code.co_filename).parts[-2:])}:{trace.tb_lineno})"
