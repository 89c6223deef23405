"""The door to optuna, which is an extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from lightune.errors import ConfigError

INSTALL = "pip install 'lightune[search]'"


def load_optuna() -> ModuleType:
    """Return the package. Raises ConfigError, saying what to install, where it is missing."""
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(f"lightune search: the package optuna is needed: {INSTALL}") from error
    found: ModuleType = optuna
    return found


@contextmanager
def quiet_optuna() -> Iterator[ModuleType]:
    """The package, which says nothing of its own within it."""
    optuna = load_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        yield optuna
    finally:
        optuna.logging.set_verbosity(before)
