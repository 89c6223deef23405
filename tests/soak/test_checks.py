"""The checks themselves in short: what does not depend on the machine's speed holds, and what is broken is found."""

import asyncio
import signal
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from soak.growth import MOST_GROWTH, leak, lines_of, watched
from soak.hostile import Hostile
from soak.http import BROKEN, HOST, REFUSED, Got, ask, post, request
from soak.load import Load, Loading, quantile
from soak.served import ROOT, fake, serving
from soak.sockets import Held
from soak.table import Line, table
from soak.watch import Watch

from soak import hostile, overload, shutdown, sockets

pytestmark = pytest.mark.full


def untimed(lines: list[Line]) -> None:
    """All that does not depend on how fast the machine is holds."""
    assert [line for line in lines if not line.holds and not line.timed] == []


def test_overload_is_refused_and_what_is_taken_is_answered(tmp_path):
    sent = post("/v1/predict", {"texts": ["a film"] * 4})
    with serving(fake(0.02), tmp_path / "log") as server:
        able = overload.capacity(server.port, 3.0, sent)
        load, health = overload.overload(server.port, 10 * able, 6.0, sent)
        said = server.said()
    assert set(load.statuses()) == {"200", "429"}
    untimed(overload.judged(load, health, 10, able, 6.0))
    assert health.bad == []
    assert said == ""


def test_sockets_of_each_kind_are_closed_and_others_answered(tmp_path):
    untimed(sockets.run(tmp_path, count=60, quiet=0.5, seconds_a_text=0.001))


def test_hostile_requests_by_hand_and_generated(tmp_path):
    untimed(hostile.run(tmp_path, cases=200))


def test_a_stopped_server_has_answered_what_it_took(tmp_path):
    untimed(shutdown.run(tmp_path, times=2, quick=True))


def test_ctrl_c_stops_it_gently_and_a_second_signal_at_once(tmp_path):
    with serving(fake(0.1), tmp_path / "log") as server:
        loading = Loading(server.port, post("/v1/predict", {"texts": ["a"] * 4}), 0.5, rate=4)
        loading.wait()
        ended = server.ended(server.signal(signal.SIGINT))
        assert (ended.code, ended.said) == (0, "")
    with serving(fake(0.4), tmp_path / "log") as server:

        async def work() -> Got:
            asking = asyncio.create_task(ask(server.port, post("/v1/predict", {"texts": ["a"] * 4})))
            await asyncio.sleep(1.0)
            server.signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            server.signal(signal.SIGTERM)
            return await asking

        got = asyncio.run(work())
        assert got.status in (0, 503)
        assert server.ended(0.0).code == 128 + signal.SIGTERM


def test_use_does_not_grow_it_and_a_leak_is_found(tmp_path):
    with serving(fake(0.0), tmp_path / "log") as server:
        untimed(lines_of("growth", watched(server, 2_000, 1_000, parts=2)))
    assert leak(tmp_path, 500).growth > MOST_GROWTH


def test_a_load_tells_what_came_of_each_request(tmp_path):
    with serving(fake(0.0), tmp_path / "log") as server:
        load = Loading(server.port, request("GET", "/health"), 1.0, rate=50).wait()
        assert load.statuses() == {"200": 50}
        starts = sorted(one.start - load.begun for one in load.got)
        assert all(start >= at / 50 - 0.005 for at, start in enumerate(starts))  # none is early
        port = server.port
    assert asyncio.run(ask(port, request("GET", "/health"))).fault == REFUSED
    found = Load(
        0.0, (Got(0.0, 1.0, 200), Got(0.5, 1.0, 429, True), Got(4.0, 2.0, 200), Got(0.0, 0.1, 0, fault=BROKEN))
    )
    assert found.rate(0.0, 5.0) == 0.2
    assert found.latencies() == [1.0, 2.0]
    assert found.statuses() == {"200": 2, "429": 1, BROKEN: 1}
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0


def test_what_is_wrong_is_said():
    one = Hostile("a thing", b"", frozenset({400}))
    assert hostile.faults(one, Got(0, 0, 400, body=b'{"error": {"code": "bad"}}')) == []
    assert len(hostile.faults(one, Got(0, 0, 500, body=b'{"error": {"code": "bad"}}'))) == 1
    assert len(hostile.faults(one, Got(0, 0, 400, body=b'{"error": {"code"' + hostile.MARK.encode()))) == 1
    assert len(hostile.faults(one, Got(0, 0, 400, body=b'{"error": {"code"' + b"a" * 1024))) == 1
    assert len(hostile.faults(one, Got(0, 0, 400, body=b"<html>"))) == 1
    taken, broken, told = Got(1.0, 1.0, 200), Got(1.0, 1.0, 0, fault=BROKEN), Got(1.0, 1.0, 503, True)
    load = Load(0.0, (taken, broken, told, Got(3.0, 1.0, 503, True), Got(9.0, 0.0, 0, fault=REFUSED)))
    assert shutdown.unanswered(load, signalled=2.5) == [broken, told]
    early = Got(2.0, 0.0, 0, fault=REFUSED)
    assert shutdown.unanswered(Load(0.0, (taken, early)), signalled=2.5) == [early]
    nobody, late, bare = Got(3.0, 0.0, 0, fault=REFUSED), Got(3.0, 0.1, 503, True), Got(3.0, 0.1, 503)
    assert shutdown.judged_late([nobody, late]).holds
    assert not any(shutdown.judged_late(some).holds for some in ([nobody], [nobody, late, bare], [late, taken]))
    quiet = SimpleNamespace(seconds=[0.01], bad=[], p99=0.01, worst=0.01)
    for found, holds in ((Held((1.0, 2.0), 0, 0), True), (Held((1.0,), 0, 1), False), (Held((1.0,), 1, 0), False)):
        assert sockets.judged("idle", 2, found, quiet, quiet, quiet)[0].holds is holds
    for statuses, holds in (((200, 429), True), ((200,), False), ((200, 429, 503), False)):
        load = Load(0.0, tuple(Got(0.5, 1.0, status, True) for status in statuses))
        assert overload.judged(load, quiet, 2, 1.0, 1.0)[0].holds is holds
    head = Hostile("a head", b"HEAD / HTTP/1.1", frozenset({400}))
    assert hostile.faults(head, Got(0, 0, 400)) == []
    assert len(hostile.faults(head, Got(0, 0, 400, body=b'{"error": {"code"'))) == 1
    assert len(hostile.faults(head, Got(0, 0, 0))) == 1


def test_the_count_of_hostile_requests_in_the_docs_is_right():
    count = len([*hostile.bodies(), *hostile.heads()])
    assert f"`soak.hostile`: {count} requests by hand" in (ROOT / "docs/reliability.md").read_text(encoding="utf-8")


def test_half_an_answer_is_a_bad_one():
    with socket.create_server((HOST, 0)) as one:

        def answer() -> None:
            with one.accept()[0] as client:
                client.recv(1000)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

        answering = threading.Thread(target=answer)
        answering.start()
        with Watch(one.getsockname()[1], every=30.0) as watch:
            answering.join()
            while not watch.seconds:
                time.sleep(0.01)
    assert watch.bad == ["IncompleteRead"]


def test_a_line_that_does_not_hold_is_seen():
    assert "FAILED" in table([Line("check", "must hold", "seen", False)])
