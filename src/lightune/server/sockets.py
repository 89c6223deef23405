"""Which sockets to listen on: found and bound before anything is loaded, so that what is wrong is said at once."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Any

from lightune.errors import ConfigError

# Bytes that the system takes for a client who is not reading, each: else it would take megabytes, and the server would
# go on to answer who sends request after request and reads nothing.
UNREAD = 2**17


def addresses_of(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    """The addresses that a host and a port mean. Raises ConfigError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError) as error:
        raise ConfigError(f"--host {host}: a name or an address of this machine is expected.") from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def bind(host: str, port: int, addresses: Sequence[tuple[socket.AddressFamily, Any]]) -> list[socket.socket]:
    """Sockets that are bound and do not listen yet, one an address; of several, those that there are. Raises
    ConfigError, saying why none can be had."""
    bound: list[socket.socket] = []
    absent: OSError | None = None
    for family, address in addresses:
        try:
            # asyncio sends at once (TCP_NODELAY) only on sockets that are said to be TCP's.
            one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        except OSError as error:  # a system without IPv6 may know names that mean one of its addresses
            absent = error
            continue
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)  # those that it accepts inherit it
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if not port and bound:  # the port that the first one was given
            address = (address[0], bound[0].getsockname()[1], *address[2:])
        try:
            one.bind(address)  # it listens when the models are there: until then who connects is refused at once
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL and len(addresses) > 1:
                one.close()
                absent = error
                continue
            for other in (one, *bound):
                other.close()
            raise ConfigError(why_not(host, port, error)) from error
        bound.append(one)
    if absent is not None and not bound:
        raise ConfigError(why_not(host, port, absent)) from absent
    return bound


def why_not(host: str, port: int, error: OSError) -> str:
    """Say in a sentence why a port cannot be had."""
    if error.errno == errno.EADDRINUSE:
        return f"--port {port}: another program listens there. Name another one, or 0 for any that is free."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"--port {port}: only an administrator may listen there. Name one from 1024 on."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host}: this machine has no such address."
    return f"--host {host} --port {port}: {error.strerror or error}."
