"""The door to Ray: connected to a cluster that is there, or to one on this machine for as long as it is needed."""

from __future__ import annotations

import logging
import os
import platform
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from lightune.errors import ConfigError

# So long an address may take to answer.
SECONDS = 5.0
# Of a cluster on this machine: what passes between its processes is small, files carry the rest.
STORE_BYTES = 100_000_000
# How an HTTP/2 client says hello, with settings that are all usual, and the kind of frame that a server answers by:
# Ray's own client waits a minute for what is no cluster, and then ends the process.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
SETTINGS = 4
FRAME_HEAD = 9
# Ray sets it when it starts a cluster.
TOKEN_MODE = "RAY_AUTH_MODE"
# Ray reads these when it starts a cluster's processes: nobody is told that it is used, and a task without a GPU is
# left the environment that it has.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@contextmanager
def connected(address: str | None) -> Iterator[ModuleType]:
    """Ray, connected to the cluster at `address` (`HOST:PORT`); None: to the one that RAY_ADDRESS names, else to one
    that is started here for as long as this is open. A connection that this process has already is used and left open.

    Raises ConfigError: ray is not installed; nobody answers at the address within SECONDS, or no cluster does; the
    cluster runs another version of Python or Ray, or this machine is none of it.
    """
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    option, asked = ("--address", address) if address else ("RAY_ADDRESS", os.environ.get("RAY_ADDRESS") or "local")
    if asked != "local":
        _check_answers(option, asked)
    with _quiet(ray):
        if asked != "local":
            _check_token(ray, option, asked)
        with _signals_kept():
            _init(ray, option, asked)
        try:
            yield ray
        finally:
            ray.shutdown()


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"Ray is not installed ({error}), which work on a cluster needs: pip install 'lightune[ray]'."
        ) from error
    found: ModuleType = ray
    return found


def _check_answers(option: str, address: str) -> None:
    """Raise ConfigError unless the head of a cluster answers at `address`."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or "/" in host or not (port.isdecimal() and 0 < int(port) < 2**16):
        raise ConfigError(
            f"{option} {address}: HOST:PORT of a cluster's head is expected, as `ray start --head --port 6379` says it."
        )
    try:
        with socket.create_connection((host, int(port)), SECONDS) as there:
            there.settimeout(SECONDS)
            if os.environ.get("RAY_USE_TLS", "0") in ("1", "true"):
                return
            there.sendall(HELLO)
            head = there.recv(FRAME_HEAD, socket.MSG_WAITALL)
    except TimeoutError as error:
        raise ConfigError(f"{option} {address}: nobody answered within {SECONDS:.0f} s. Is the cluster up?") from error
    except (OSError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise ConfigError(f"{option} {address}: no cluster can be reached there ({said}). Is it up?") from error
    if len(head) < FRAME_HEAD or head[3] != SETTINGS:
        raise ConfigError(f"{option} {address}: what answers there is not the head of a Ray cluster.")


def _check_token(ray: ModuleType, option: str, address: str) -> None:
    """Raise ConfigError where the cluster asks for a token that this process does not have: Ray tries that for half a
    minute."""
    try:
        from ray._raylet import GcsClient  # type: ignore[attr-defined]
    except ImportError:
        return
    try:
        GcsClient(address=address)
    except ray.exceptions.AuthenticationError as error:
        raise ConfigError(
            f"{option} {address}: the cluster asks for a token. Set RAY_AUTH_MODE=token, and have the head's "
            "~/.ray/auth_token here too, or its words in RAY_AUTH_TOKEN."
        ) from error
    except Exception:
        # This look is only to tell of a token sooner, by what is private to Ray and may change. Whatever else is wrong
        # `ray.init` meets too, and `_init` tells it.
        return


def _init(ray: ModuleType, option: str, address: str) -> None:
    here = address == "local"
    try:
        ray.init(
            address=address,
            include_dashboard=False if here else None,
            object_store_memory=STORE_BYTES if here else None,
            configure_logging=False,
            log_to_driver=False,
        )
    except Exception as error:  # a node that starts too slowly is a bare one
        ray.shutdown()
        said = " ".join(str(error).split())
        if "Version mismatch" in said:
            raise ConfigError(
                f"{option} {address}: the cluster runs other versions ({said.removeprefix('Version mismatch: ')}). "
                f"Install Ray {ray.__version__} and Python {platform.python_version()} on all of its nodes, or the "
                "cluster's here."
            ) from error
        what = "A Ray cluster on this machine could not be started" if here else f"{option} {address}: Ray said"
        joins = " This machine has to be a node of the cluster: ray start --address HOST:PORT."
        more = " On a busy machine try again." if here else joins
        raise ConfigError(f"{what}: {said}{more}") from error


@contextmanager
def _quiet(ray: ModuleType) -> Iterator[None]:
    """Keep what Ray says to programmers from people, and from others that it is used."""
    logger = logging.getLogger("ray")
    level, before = logger.level, {name: os.environ.get(name) for name in (*QUIET, TOKEN_MODE)}
    logger.setLevel(logging.CRITICAL)
    # There is no option for what it prints to our standard output when a process of the cluster dies.
    printing = ray._private.worker
    plain = getattr(printing, "print_to_stdstream", None)
    printing.print_to_stdstream = lambda *_, **__: None
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        yield
    finally:
        logger.setLevel(level)
        printing.print_to_stdstream = plain
        if before[TOKEN_MODE] is None and TOKEN_MODE in os.environ:
            _forget_token()
        for name, was in before.items():
            if was is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = was


def _forget_token() -> None:
    """Have this process ask nobody for a token any more, as it does once it has started a cluster: the next one, which
    has none, could not keep an actor then, and would not say why. By what is private to Ray, as it does itself."""
    try:
        from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]
    except ImportError:
        return
    os.environ[TOKEN_MODE] = "disabled"
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Put back at once what Ray would do on SIGTERM in place of the program's own handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if kept is not None:
            signal.signal(signal.SIGTERM, kept)
