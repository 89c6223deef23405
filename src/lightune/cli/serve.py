"""`lightune serve`: the arms of studies behind HTTP, until it is told to stop."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from lightune.errors import ConfigError
from lightune.printable import printable
from lightune.signals import Terminated

if TYPE_CHECKING:
    from socket import socket

    from lightune.hosting import Host

MODULES = ("fastapi", "uvicorn", "prometheus_client", "h11")
INSTALL = "pip install 'lightune[serve]'"


def serve(
    folders: Annotated[list[Path], Argument(metavar="DIR…", help="Studies' folders, or arms'.")],
    arm: Annotated[str | None, Option(help="Which arms of each study, comma-separated; all without it.")] = None,
    host: Annotated[str, Option(help="The address to listen on; others than loopback need LIGHTUNE_API_KEY.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, Option(help="0: any that is free.", min=0, max=65535)] = 8000,
    allowed_host: Annotated[
        list[str] | None, Option(help="A further name that clients may call the server by; repeat it for several.")
    ] = None,
    queue: Annotated[int, Option(help="Requests that wait at most; further ones are told 429.", min=1)] = 128,
    batch_tokens: Annotated[
        int | None, Option(help="Tokens of a batch; as many as take half a second without it.", min=1)
    ] = None,
    verbose: Annotated[bool, Option("--verbose", help="A line a request.")] = False,
) -> int:
    """Answer over HTTP with the arms of studies, and on a page in the browser."""
    _check_installed()
    from lightune.server.access import LOOPBACK_NAMES, Access, check_exposed, key_from
    from lightune.server.sockets import addresses_of, bind

    key = key_from(os.environ)
    addresses = addresses_of(host, port)
    check_exposed(host, [address[0] for _, address in addresses], key)
    listening = bind(host, port, addresses)
    try:
        from lightune.cli.output import progress_console
        from lightune.hosting import open_host
        from lightune.models import quiet_transformers
        from lightune.server.app import Service
        from lightune.server.limits import Limits
        from lightune.server.serving import Server

        with progress_console().status("loading the models"), quiet_transformers():
            held = open_host(folders, None if arm is None else [name.strip() for name in arm.split(",")])
        _log_to_stderr(verbose)
        names = frozenset((*LOOPBACK_NAMES, host.lower(), *(name.lower() for name in allowed_host or ())))
        service = Service(held, Access(names, key), Limits(waiting=queue), batch_tokens)
        server = Server(service, listening, lambda: _started(held, listening, key))
        server.run()
    finally:
        for one in listening:
            one.close()
    if server.signalled == signal.SIGTERM:
        raise Terminated
    if server.signalled == signal.SIGINT:
        raise KeyboardInterrupt
    return 0


def _check_installed() -> None:
    from importlib.util import find_spec

    absent = [name for name in MODULES if find_spec(name) is None]
    if absent:
        raise ConfigError(f"`lightune serve` needs {', '.join(absent)}: {INSTALL}.")


def _started(held: Host, listening: list[socket], key: str | None) -> None:
    import gc

    from lightune.runtime import peak_memory_bytes

    gc.collect()
    gc.freeze()  # torch and the models stay: to look through them now and then would hold up everybody each time
    gc.collect()  # else the next whole look waits for a fourth as many new objects as there were before
    for one in listening:
        name, port = one.getsockname()[:2]
        print(f"lightune serves at http://{f'[{name}]' if ':' in name else name}:{port}/")
    shown = ", ".join(one.name if one.verified else f"{one.name} (unverified)" for one in held.models.values())
    print(printable(f"Models: {shown}. By default: {', '.join(held.defaults)}."))
    memory = peak_memory_bytes()
    print(f"Memory: {memory / 2**20:,.0f} MiB, weights {held.weight_bytes / 2**20:,.0f} MiB of it.")
    print(f"{'A key is needed. ' if key else ''}Ctrl-C or SIGTERM stops it when all is answered.", flush=True)


def _log_to_stderr(verbose: bool) -> None:
    import logging
    import sys

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("lightune.server")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    log.propagate = False
