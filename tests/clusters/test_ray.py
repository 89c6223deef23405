import builtins
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lightune.clusters import connected
from lightune.clusters import ray as door
from lightune.errors import ConfigError
from tests.fixtures.cluster import small_cluster

pytest.importorskip("ray")
from ray.util.queue import Queue


@contextmanager
def port(answer: bytes | None) -> Iterator[int]:
    """A port of this machine where `answer` is said to whoever comes; None: where nothing is."""
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        ours.listen()

        def serve() -> None:
            while True:
                try:
                    there, _ = ours.accept()
                except OSError:
                    return
                kept.append(there)
                if answer:
                    with contextlib.suppress(OSError):  # who asked may have gone
                        there.sendall(answer)

        kept: list[socket.socket] = []
        serving = threading.Thread(target=serve, daemon=True)
        if answer is not None:
            serving.start()
        number = ours.getsockname()[1]
        if answer is None:
            ours.close()
        yield number
        if answer is not None:
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)  # which ends `accept`
            serving.join()
        for one in kept:
            one.close()


def refusal(address: str | None) -> str:
    with pytest.raises(ConfigError) as raised, connected(address):
        pass
    return str(raised.value)


def test_without_ray_it_is_said_what_to_install(monkeypatch):
    real = builtins.__import__

    def absent(name, *rest, **more):
        if name == "ray":
            raise ImportError("No module named 'ray'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert "pip install 'lightune[ray]'" in refusal(None)


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.1:", ":6379", "head:0", "head:70000", "ray://head:10001"])
def test_an_address_that_is_none_is_refused(address):
    assert refusal(address).startswith(f"--address {address}: HOST:PORT")


@pytest.mark.full
def test_where_nobody_listens_it_is_said_and_who_named_the_address(monkeypatch):
    with port(None) as number:
        assert f"--address 127.0.0.1:{number}: no cluster can be reached" in refusal(f"127.0.0.1:{number}")
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{number}")
        assert refusal(None).startswith(f"RAY_ADDRESS 127.0.0.1:{number}: ")


@pytest.mark.full
def test_what_is_no_cluster_is_refused(monkeypatch):
    with port(b"HTTP/1.1 400 Bad Request\r\n\r\n") as number:
        assert "not the head of a Ray cluster" in refusal(f"127.0.0.1:{number}")
    monkeypatch.setattr(door, "SECONDS", 0.2)
    with port(b"") as number:
        assert "nobody answered" in refusal(f"127.0.0.1:{number}")


@pytest.mark.full
def test_a_cluster_that_asks_for_a_token_is_told(monkeypatch):
    import ray

    def refused(**asked):
        raise ray.exceptions.AuthenticationError("RPC error: InvalidAuthToken")

    monkeypatch.setattr("ray._raylet.GcsClient", refused)
    with port(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])) as number:
        assert "asks for a token. Set RAY_AUTH_MODE=token" in refusal(f"127.0.0.1:{number}")


@pytest.mark.full
def test_other_versions_are_told(monkeypatch):
    import ray

    def init(**asked):
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 1.0\n    Python: 3.9\n")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(door, "_check_token", lambda *_: None)
    with port(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])) as number:
        said = refusal(f"127.0.0.1:{number}")
    assert "runs other versions" in said
    assert "Ray: 1.0" in said
    assert ray.__version__ in said


@pytest.mark.full
def test_a_node_that_starts_too_slowly_is_told_in_a_sentence(monkeypatch):
    import ray

    def init(**asked):
        raise Exception("The current node timed out during startup.")  # as Ray raises it

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", init)
    said = r"on this machine could not be started: .* timed out .* try again\.$"
    with pytest.raises(ConfigError, match=said), connected(None):
        pass


@pytest.mark.full
def test_a_cluster_of_this_machine_lives_as_long_as_it_is_needed(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")

    def handler(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with connected(None) as ray:
            assert signal.getsignal(signal.SIGTERM) is handler
            assert ray.get(ray.remote(lambda: os.getpid()).remote()) != os.getpid()
            with connected(None) as again:  # the connection that is there
                assert again is ray
            assert ray.is_initialized()
        assert not ray.is_initialized()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1"


@pytest.mark.full
def test_after_a_cluster_of_this_machine_another_one_keeps_its_actors(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with connected(None):
        pass
    assert "RAY_AUTH_MODE" not in os.environ
    with small_cluster(1) as cluster, connected(cluster.address) as ray:
        queue = Queue(1, actor_options={"num_cpus": 0})
        assert ray.get(queue.actor.qsize.remote(), timeout=60) == 0
