import base64

import pytest

from lightune.errors import ConfigError
from lightune.server.access import Access, check_exposed, key_from

KEY = "k" * 16


@pytest.mark.parametrize(
    ("host", "address", "known"),
    [
        (b"localhost", None, True),
        (b"LOCALHOST:8000", None, True),
        (b"127.0.0.1:8000", None, True),
        (b"[::1]:8000", None, True),
        (b"::1", None, True),
        (b"[::1]", None, True),
        (b"[::1]evil.example", None, False),
        (b"[::1]:80.evil.example", None, False),
        (b"[::1]:", None, False),
        (b"[localhost]x", None, False),
        (b"[localhost", None, False),
        (b"[::1]80", None, False),
        (b"192.168.1.5:8000", "192.168.1.5", True),
        (b"192.168.1.5", "192.168.1.6", False),
        (b"evil.example", "127.0.0.1", False),
        (b"localhost.evil.example", None, False),
        (b"127.0.0.1@evil.example", None, False),
        (b"", None, False),
        (b"\xff", None, False),
    ],
)
def test_only_known_names_and_the_address_itself_are_answered(host, address, known):
    assert Access().knows(host, address) is known


def test_further_names_can_be_allowed():
    assert Access(hosts=frozenset({"models.example"})).knows(b"Models.Example:443", None)


@pytest.mark.parametrize(
    ("header", "opens"),
    [
        (f"Bearer {KEY}".encode(), True),
        (f"bearer  {KEY}".encode(), True),
        (b"Basic " + base64.b64encode(f"anybody:{KEY}".encode()), True),
        (b"Basic " + base64.b64encode(f"{KEY}:".encode()), False),
        (b"Basic !!", False),
        (f"Bearer {KEY}k".encode(), False),
        (f"Bearer {KEY[1:]}".encode(), False),
        (KEY.encode(), False),
        (b"Bearer \xff", False),
        (b"", False),
        (None, False),
    ],
)
def test_the_key_opens_and_nothing_else_does(header, opens):
    assert Access(key=KEY).opens(header) is opens


def test_without_a_key_everybody_may_ask():
    assert Access().opens(None)


@pytest.mark.parametrize("key", ["short", "k" * 15, "k" * 15 + " ", "k" * 16 + "é", "k" * 16 + "\n"])
def test_a_key_that_is_no_good_is_refused_and_not_shown(key):
    with pytest.raises(ConfigError, match="16 characters") as found:
        key_from({"LIGHTUNE_API_KEY": key})
    assert key not in str(found.value)


def test_the_key_is_that_of_the_environment():
    assert key_from({"LIGHTUNE_API_KEY": KEY}) == KEY
    assert key_from({"LIGHTUNE_API_KEY": ""}) is None
    assert key_from({}) is None


@pytest.mark.parametrize("addresses", [["0.0.0.0"], ["::"], ["127.0.0.1", "192.168.1.5"], ["fe80::1%eth0"]])
def test_others_may_reach_only_a_server_with_a_key(addresses):
    with pytest.raises(ConfigError, match="LIGHTUNE_API_KEY"):
        check_exposed("somewhere", addresses, None)
    check_exposed("somewhere", addresses, KEY)


def test_loopback_needs_no_key():
    check_exposed("localhost", ["127.0.0.1", "127.3.2.1", "::1"], None)
