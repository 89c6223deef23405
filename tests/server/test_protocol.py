"""Connections: deadlines, bounds, and the end, on real sockets with limits of tenths of a second."""

import asyncio
import json
import signal
import socket
import threading
from dataclasses import replace

import pytest
from soak.fake import FakeHost
from soak.hostile import START, exchange
from soak.http import HOST, ask, post, request

from lightune.errors import ConfigError
from lightune.server import protocol
from lightune.server.access import Access
from lightune.server.app import Service
from lightune.server.crowd import Crowd
from lightune.server.limits import Limits
from lightune.server.serving import Server
from lightune.server.sockets import addresses_of, bind
from tests.server.listening import Listening, listening
from tests.server.service import run, until

full = pytest.mark.full
JSON = "Content-Type: application/json\r\n"
HEALTH = request("GET", "/health")
# Deadlines in these tests; what must not meet one has seconds.
SHORT, LONG = 0.3, 60.0


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """All that still comes, until the server closes."""
    try:
        return await reader.read(-1)
    except ConnectionError:
        return b""


@full
@pytest.mark.parametrize(
    ("limit", "sent", "status"),
    [
        ("header_seconds", b"", b""),
        ("header_seconds", b"GET /health HTTP/1.1\r\nHost:", b"408"),
        ("request_seconds", f"{START}{JSON}Content-Length: 100\r\n\r\n{{".encode(), b"408"),
        ("request_seconds", f"{START}{JSON}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode(), b"408"),
        ("idle_seconds", request("GET", "/health", close=False), b"200"),
    ],
)
def test_what_is_drawn_out_is_closed_by_its_own_deadline(limit, sent, status):
    async def work():
        limits = {"header_seconds": LONG, "request_seconds": LONG, "idle_seconds": LONG, limit: SHORT}
        async with listening(**limits) as one:
            reader, writer = await one.connect(sent)
            answer = await end_of(reader)
            writer.close()
            await until(lambda: len(one.server.crowd) == 0)
            assert one.service.gate.under_way == 0
            return answer

    answer = run(work())
    assert answer.split(b" ")[1:2] == ([status] if status else [])
    assert answer.count(b"HTTP/1.1") <= 1


@full
def test_a_byte_now_and_then_does_not_put_the_deadline_off():
    async def work():
        async with listening(header_seconds=SHORT) as one:
            reader, writer = await one.connect(b"GET /health HTTP/1.1\r\nX: ")
            reading = asyncio.create_task(end_of(reader))
            sent = 0
            while not reading.done():
                writer.write(b"a")
                sent += 1
                await asyncio.sleep(SHORT / 10)
            answer = await reading
            writer.transport.abort()
            await asyncio.sleep(0)
            return sent, answer

    sent, answer = run(work())
    assert sent > 3
    assert b" 408 " in answer


@full
def test_a_request_that_waits_for_its_answer_has_no_deadline():
    async def work():
        limits = dict.fromkeys(("header_seconds", "request_seconds", "idle_seconds", "write_seconds"), SHORT)
        async with listening(FakeHost(0.5), **limits) as one:
            return await ask(one.port, post("/v1/predict", {"texts": ["a", "b"]}))

    got = run(work())
    assert got.status == 200
    assert got.seconds > 4 * SHORT


@full
def test_connections_are_used_again_and_requests_may_come_in_a_row():
    async def work():
        async with listening() as one:
            sent = request("GET", "/health", close=False)
            predict = post("/v1/predict", {"text": "a", "models": ["lora"]}, close=False)
            reader, writer = await one.connect(sent + predict + sent)
            answers = []
            for _ in range(3):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                answers.append(await reader.readexactly(length))
            writer.close()
            return answers

    answers = run(work())
    assert json.loads(answers[0]) == json.loads(answers[2]) == {"status": "ok"}
    assert json.loads(answers[1])["models"] == ["lora"]


@full
def test_answers_are_sent_at_once():
    async def work():
        async with listening() as one:
            _, writer = await one.connect()
            await until(lambda: len(one.server.crowd) == 1)
            (served,) = one.server.server_state.connections
            at_once = served.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
            return at_once

    assert run(work())


@full
def test_a_refusal_without_reading_leaves_the_connection_usable():
    async def work():
        async with listening(waiting=1) as one:
            reader, writer = await one.connect(request("POST", "/v1/predict", b"{" * 100_000, close=False) + HEALTH)
            answer = await end_of(reader)
            writer.close()
            return answer

    answer = run(work())
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"HTTP/1.1 200" in answer


@full
@pytest.mark.parametrize("kind", ["idle", "headers", "body"])
def test_health_is_answered_however_many_sockets_are_held(kind):
    sent = {"idle": b"", "headers": b"GET / HTTP/1.1\r\n", "body": f"{START}{JSON}Content-Length: 9\r\n\r\n".encode()}

    async def work():
        async with listening(connections=20, header_seconds=LONG, request_seconds=LONG) as one:
            held = [await one.connect(sent[kind]) for _ in range(30)]
            assert (await ask(one.port, HEALTH)).status == 200
            assert len(one.server.crowd) <= 20
            first, last = held[0][0], held[-1][0]
            assert await end_of(first) == b""  # the one that was there longest made room
            assert not last.at_eof()
            for _, writer in held:
                writer.close()

    run(work())


def test_who_has_sent_a_whole_request_is_not_evicted():
    class Member:
        evicted = False

        def evict(self) -> None:
            self.evicted = True

    crowd = Crowd(3)
    first, second, third, fourth, fifth = (Member() for _ in range(5))
    assert all(crowd.enter(one) for one in (first, second, third))
    crowd.note(first, theirs=False)
    assert crowd.enter(fourth)
    assert (first.evicted, second.evicted, third.evicted) == (False, True, False)
    for one in (third, fourth):
        crowd.note(one, theirs=False)
    assert not crowd.enter(fifth)
    assert len(crowd) == 3
    crowd.note(first, theirs=True)
    assert crowd.enter(fifth)
    assert first.evicted


def reporting(folder, size: int) -> FakeHost:
    """A host whose report has so many bytes."""
    report = folder / "report.html"
    report.write_bytes(b"a" * size)
    host = FakeHost()
    host.models = {name: replace(one, report=report) for name, one in host.models.items()}
    return host


async def slow_reader(one: Listening) -> socket.socket:
    """Ask again and again and take nothing, until the server waits for that at one of the requests."""
    loop, reading = asyncio.get_running_loop(), socket.socket()
    reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reading.setblocking(False)
    await loop.sock_connect(reading, (HOST, one.port))
    me = reading.getsockname()
    connections = one.server.server_state.connections
    await until(lambda: any(each.client == me for each in connections))
    (connection,) = [each for each in connections if each.client == me]
    while not (connection.flow.write_paused and not connection.cycle.response_complete):
        await loop.sock_sendall(reading, request("GET", "/openapi.json", close=False))
        await asyncio.sleep(0.002)
    return reading


@full
def test_who_asks_and_asks_and_takes_nothing_is_hung_up_on():
    async def work():
        async with listening(write_seconds=SHORT) as one:
            slow = await slow_reader(one)
            await until(lambda: len(one.server.crowd) == 0 and one.service.gate.under_way == 0)
            slow.close()

    run(work())


@full
def test_slow_readers_make_room_for_others():
    async def work():
        async with listening(connections=4, write_seconds=LONG) as one:
            slow = [await slow_reader(one) for _ in range(4)]
            got = await ask(one.port, HEALTH)
            for each in slow:
                each.close()
            return got

    assert run(work()).status == 200


@full
@pytest.mark.parametrize("close", [True, False])
def test_who_takes_an_answer_slowly_gets_all_of_it(tmp_path, close):
    size = 12_000_000  # more than the system takes in for them

    async def work():
        async with listening(reporting(tmp_path, size), write_seconds=1.0, idle_seconds=SHORT) as one:
            loop, slow = asyncio.get_running_loop(), socket.socket()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            slow.setblocking(False)
            await loop.sock_connect(slow, (HOST, one.port))
            await loop.sock_sendall(slow, request("GET", "/reports/fake", close=close))
            begun, got = loop.time(), 0
            while part := await loop.sock_recv(slow, 40_000):
                got += len(part)
                await asyncio.sleep(0.01)
            slow.close()
            return got, loop.time() - begun

    got, seconds = run(work())
    assert got > size
    assert seconds > 1.5  # longer than each of the deadlines


@full
@pytest.mark.parametrize("headers", [f"{JSON}Transfer-Encoding: chunked\r\n\r\nZZ\r\n", f"X: {'a' * 17_000}\r\n\r\n"])
def test_a_bad_head_request_is_refused_without_a_body(headers, caplog):
    async def work():
        async with listening() as one:
            reader, writer = await one.connect(f"HEAD / HTTP/1.1\r\nHost: {HOST}\r\n{headers}".encode())
            answer = await end_of(reader)
            writer.close()
            return answer

    answer = run(work())
    assert answer.split(b" ")[1] in (b"400", b"431")
    assert answer.endswith(b"\r\n\r\n")
    assert caplog.text == ""


@full
def test_what_comes_after_an_answered_head_request_is_refused_in_words():
    async def work():
        async with listening() as one:
            reader, writer = await one.connect(request("HEAD", "/health", close=False) + b"no request\r\n\r\n")
            answer = await end_of(reader)
            writer.close()
            return answer

    answer = run(work())
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 400" in answer
    assert answer.endswith(b"}}")


@full
def test_a_client_that_takes_nothing_of_its_answer_is_hung_up_on(tmp_path):
    async def work():
        async with listening(reporting(tmp_path, 30_000_000), write_seconds=SHORT, idle_seconds=LONG) as one:
            reader, writer = await one.connect(request("GET", "/reports/fake"))
            reader._transport.pause_reading()
            await until(lambda: len(one.server.crowd) == 1)
            await until(lambda: len(one.server.crowd) == 0)
            writer.close()

    run(work())


@full
@pytest.mark.parametrize(
    ("limits", "sent", "status"),
    [
        ({"body_bytes": 1000}, f"{START}{JSON}Content-Length: 1001\r\n\r\n".encode() + b"a" * 1001, 413),
        (
            {"body_bytes": 1000},
            f"{START}{JSON}Transfer-Encoding: chunked\r\n\r\n".encode() + b"3e9\r\n" + b"a" * 1001 + b"\r\n0\r\n\r\n",
            413,
        ),
        (
            {"chunks": 10},
            f"{START}{JSON}Transfer-Encoding: chunked\r\n\r\n".encode() + b"1\r\na\r\n" * 11 + b"0\r\n\r\n",
            413,
        ),
        ({"header_bytes": 1000}, f"{START}X: {'a' * 1000}\r\n\r\n".encode(), 431),
    ],
)
def test_bounds_are_kept_by_the_connection(limits, sent, status):
    async def work():
        async with listening(**limits) as one:
            got = await exchange(one.port, sent)
            assert (await ask(one.port, HEALTH)).status == 200
            return got

    got = run(work())
    assert got.status == status
    assert set(json.loads(got.body)["error"]) == {"code", "message"}


@full
def test_bodies_that_are_not_whole_take_no_more_than_their_room():
    part = f"{START}{JSON}Content-Length: 200000\r\n\r\n".encode() + b" " * 100_000

    async def work():
        async with listening(reading_bytes=250_000, request_seconds=LONG) as one:
            held = [await one.connect(part) for _ in range(2)]
            await until(lambda: one.service._bodies._held == 200_000)
            refused = await exchange(one.port, part)
            small = await ask(one.port, post("/v1/predict", {"text": "a"}))
            for _, writer in held:
                writer.transport.abort()
            await until(lambda: one.service._bodies._held == 0)
            return refused.status, small.status

    assert run(work()) == (503, 200)


@full
def test_the_end_answers_what_was_taken_and_refuses_what_comes():
    async def work():
        host = FakeHost()
        go, entered = threading.Event(), threading.Event()
        async with listening(host) as one:

            def wait(asked) -> None:
                entered.set()
                assert go.wait(30)

            host.before = wait
            taken = asyncio.create_task(ask(one.port, post("/v1/predict", {"text": "a"})))
            await until(entered.is_set)
            idle, slow = await one.connect(), await one.connect(f"{START}{JSON}Content-Length: 9\r\n\r\n".encode())
            await until(lambda: one.service.gate.under_way == 2)
            one.server.should_exit = True
            await until(lambda: one.service.gate.stopping)
            late = await ask(one.port, post("/v1/predict", {"text": "a"}))
            ready, health = await ask(one.port, request("GET", "/ready")), await ask(one.port, HEALTH)
            hurried = await end_of(slow[0])
            assert not one.done.done()
            go.set()
            got = await taken
            await one.done
            assert await end_of(idle[0]) == b""
            after = await ask(one.port, HEALTH)
            for _, writer in (idle, slow):
                writer.close()
            return got, late, ready, health, hurried, after

    got, late, ready, health, hurried, after = run(work())
    assert (got.status, late.status, ready.status, health.status) == (200, 503, 503, 200)
    assert late.retry_after
    assert b" 408 " in hurried
    assert after.status == 0


@full
def test_what_cannot_be_done_in_time_is_refused_at_the_end():
    async def work():
        async with listening(FakeHost(0.2), drain_seconds=SHORT) as one:
            asked = post("/v1/predict", {"texts": ["a" * 3000] * 16})
            waiting = [asyncio.create_task(ask(one.port, asked)) for _ in range(2)]
            await until(lambda: one.service.engine.waiting >= 1)
            await one.stop()
            return [(await got).status for got in waiting]

    assert set(run(work())) <= {503, 429}


@full
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_models_answer_ends_it_and_a_second_one_waits_for_nothing(number):
    async def work():
        host, go, entered = FakeHost(), threading.Event(), threading.Event()

        def wait(asked) -> None:
            entered.set()
            assert go.wait(30)

        host.before = wait
        service, sockets, served = Service(host, Access(), Limits()), bind(HOST, 0, addresses_of(HOST, 0)), []
        server = Server(service, sockets, lambda: served.append(True))
        done = asyncio.create_task(server.serve())
        await until(entered.is_set)
        signal.raise_signal(number)
        await until(lambda: server.should_exit)
        signal.raise_signal(number)
        await done
        held = service.engine._thread.alive  # nobody waited for it to end
        go.set()
        await until(lambda: not service.engine._thread.alive)
        for one in sockets:
            one.close()
        return server.signalled, served, held

    assert run(work()) == (number, [], True)


@full
def test_one_signal_before_the_models_answer_is_enough():
    async def work():
        host, sent = FakeHost(), []

        def stop(asked) -> None:
            if not sent:
                sent.append(asked)
                signal.raise_signal(signal.SIGTERM)

        host.before = stop
        service, sockets, served = Service(host, Access(), Limits()), bind(HOST, 0, addresses_of(HOST, 0)), []
        server = Server(service, sockets, lambda: served.append(True))
        await server.serve()
        for one in sockets:
            one.close()
        return server.signalled, served, service.engine._thread.alive

    assert run(work()) == (signal.SIGTERM, [], False)


def test_a_port_that_is_taken_and_an_address_that_is_not_ours_are_said_in_a_sentence():
    (taken,) = bind(HOST, 0, addresses_of(HOST, 0))
    taken.listen()
    port = taken.getsockname()[1]
    with pytest.raises(ConfigError, match=f"--port {port}: another program listens there"):
        bind(HOST, port, addresses_of(HOST, port))
    taken.close()
    with pytest.raises(ConfigError, match=r"--host 203\.0\.113\.1: this machine has no such address"):
        bind("203.0.113.1", 0, addresses_of("203.0.113.1", 0))
    with pytest.raises(ConfigError, match="--host no such name"):
        addresses_of("no such name", 80)


@full
def test_who_says_that_nothing_more_comes_gets_the_answer():
    async def work():
        async with listening() as one:
            reader, writer = await one.connect(HEALTH)
            writer.write_eof()
            answer = await end_of(reader)
            writer.close()
            return answer

    assert run(work()).startswith(b"HTTP/1.1 200")


@full
def test_requests_that_are_sent_at_once_are_answered_in_their_order(monkeypatch):
    monkeypatch.setattr(protocol, "REST_SECONDS", 0.01)
    paths = ["/health", "/v1/models", "/nowhere", "/v1/models", "/health"]

    async def work():
        async with listening() as one:
            reader, writer = await one.connect(b"".join(request("GET", path, close=False) for path in paths) + HEALTH)
            answers = await reader.read(-1)
            writer.transport.abort()
            return answers

    answers = run(work()).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"404", b"200", b"200", b"200"]
    assert [b'"models"' in answer for answer in answers] == [False, True, False, True, False, False]


@full
def test_who_sends_on_and_on_waits_between_answers_and_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(protocol, "REST_SECONDS", 30.0)
    kept = request("GET", "/health", close=False)

    async def work():
        async with listening(header_seconds=LONG) as one:
            reader, writer = await one.connect(kept * 20_000)
            await reader.readuntil(b"}")
            for _ in range(5):
                assert (await ask(one.port, HEALTH)).status == 200
            # Nothing more is answered, and what it goes on to send stays with it.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(1), SHORT)
            writer.write(b"x" * 32 * 2**20)
            await asyncio.sleep(SHORT)
            left = writer.transport.get_write_buffer_size()
            await one.stop()
            writer.transport.abort()
            return left

    assert run(work()) > 16 * 2**20
