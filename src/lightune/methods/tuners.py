"""peft's tuners as they behave: what they print, and what they raise."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

# Each tuner says in its own way that a model or an option is not for it.
TUNERS_RAISE = (
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    ImportError,
    OSError,
)


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep what tuners warn of from the terminal: defaults that are chosen here on purpose."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def sentence(error: BaseException) -> str:
    """What an error says in one line of bearable length, without a full stop."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said.rstrip(".") if len(said) <= 200 else f"{said[:199]}…"
