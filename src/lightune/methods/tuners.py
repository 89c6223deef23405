"""peft's tuners as they behave: what they print, and what they raise."""

from __future__ import annotations

import contextlib
import io
import os
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
        _own_compilers(),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _own_compilers() -> Iterator[None]:
    """Leave CC and CXX as they were. BOFT sets them to build its CUDA extension and, where that fails, leaves both at
    gcc, with which torch.compile then links no C++ library, in this process and in those that it starts."""
    before = {name: os.environ.get(name) for name in ("CC", "CXX")}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def sentence(error: BaseException) -> str:
    """What an error says in one line of bearable length, without a full stop."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said.rstrip(".") if len(said) <= 200 else f"{said[:199]}…"
