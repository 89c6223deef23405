"""Who may ask: the names that the server is called by, and the key."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightune.errors import ConfigError

KEY_VARIABLE = "LIGHTUNE_API_KEY"
LEAST_KEY = 16
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Access:
    """hosts: names that the Host header may give, in lower case. key: what each request but /health must show; None:
    nothing."""

    hosts: frozenset[str] = frozenset(LOOPBACK_NAMES)
    key: str | None = None

    def knows(self, host: bytes, address: str | None) -> bool:
        """Whether a Host header names this server: by a known name, or by the address that was connected to. A name
        that an attacker made point here is neither."""
        name = _without_port(host.decode("latin-1")).lower()
        return name in self.hosts or (address is not None and name == address)

    def opens(self, authorization: bytes | None) -> bool:
        """Whether an Authorization header holds the key, as a Bearer token or as a Basic password, in constant time."""
        if self.key is None:
            return True
        scheme, _, shown = (authorization or b"").partition(b" ")
        shown = shown.strip()
        if scheme.lower() == b"basic":  # what browsers can do
            try:
                shown = base64.b64decode(shown, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return False
        elif scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(shown, self.key.encode("ascii"))


def key_from(environment: Mapping[str, str]) -> str | None:
    """The key that the environment holds, None for none. Raises ConfigError for one that is no good; never shows it."""
    key = environment.get(KEY_VARIABLE)
    if not key:
        return None
    if len(key) < LEAST_KEY or not all("!" <= character <= "~" for character in key):
        raise ConfigError(
            f"{KEY_VARIABLE}: at least {LEAST_KEY} characters of ASCII without spaces are expected; "
            "`openssl rand -hex 32` makes such a key."
        )
    return key


def check_exposed(host: str, addresses: Sequence[str], key: str | None) -> None:
    """Raise ConfigError where anything but this machine could reach a server that asks for no key."""
    if key is None and not all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in addresses):
        raise ConfigError(
            f"--host {host}: others can reach this address, so a key is expected in the environment variable "
            f"{KEY_VARIABLE}, of at least {LEAST_KEY} characters. Set it, or leave --host out."
        )


def _without_port(host: str) -> str:
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        port = rest.removeprefix(":")
        return name if bracket and (not rest or (port != rest and port.isdecimal())) else host
    name, found, port = host.rpartition(":")
    return name if found and (port.isdecimal() or not port) and ":" not in name else host
