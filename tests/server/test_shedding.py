"""Refusals that are told from a request's bytes alone: the same as those of the long way, and of nothing else."""

import asyncio
import threading
from contextlib import asynccontextmanager

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from soak.fake import FakeHost
from soak.http import ask, post, request

from lightune.server import protocol
from lightune.server.refusals import NO_KEY, TOO_LARGE, WRONG_HOST, full
from lightune.server.shedding import answer_to_plain, plain_request
from tests.server.listening import listening
from tests.server.service import run, until

MOST = 16 * 2**10
PLAIN = post("/v1/predict", {"text": "It is good."})
KEPT = post("/v1/predict", {"text": "It is good."}, close=False)
LONG_WAY = {
    "in two pieces": PLAIN[:-1],
    "and the beginning of another": PLAIN + b"P",
    "a method that takes no body": request("GET", "/v1/predict"),
    "a query": PLAIN.replace(b"/v1/predict", b"/v1/predict?a=1"),
    "a path with an escape": PLAIN.replace(b"/v1/predict", b"/v1/%70redict"),
    "HTTP/1.0": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "no host": PLAIN.replace(b"Host", b"Hose"),
    "two hosts": PLAIN.replace(b"Host:", b"host: b\r\nHost:"),
    "no length": PLAIN.replace(b"Content-Length", b"Content-Lengths"),
    "two lengths": PLAIN.replace(b"Content-Length", b"content-length: 3\r\nContent-Length"),
    "a signed length": PLAIN.replace(b"Content-Length: ", b"Content-Length: +"),
    "chunks": PLAIN.replace(b"Host:", b"Transfer-Encoding: chunked\r\nHost:"),
    "an expectation": PLAIN.replace(b"Host:", b"Expect: 100-continue\r\nHost:"),
    "an upgrade": PLAIN.replace(b"Connection: close", b"Connection: upgrade"),
    "a folded header": PLAIN.replace(b"Host:", b"X: a\r\n b\r\nHost:"),
    "a space before the colon": PLAIN.replace(b"Host:", b"Host :"),
    "no space after it": PLAIN.replace(b"Host: ", b"Host:"),
    "a bare line feed": PLAIN.replace(b"Host:", b"X: a\nHost:"),
    "a bare carriage return": PLAIN.replace(b"Host:", b"X: a\rb\r\nHost:"),
    "a null": PLAIN.replace(b"Host:", b"X: a\x00b\r\nHost:"),
    "a byte that is not ASCII": PLAIN.replace(b"Host:", b"X: \xe9\r\nHost:"),
    "too large a head": PLAIN.replace(b"Host:", b"X: " + b"a" * MOST + b"\r\nHost:"),
}


def test_a_plain_request_is_known_with_its_headers():
    found = plain_request(PLAIN, MOST)
    assert found is not None
    assert (found.path, found.closing) == ("/v1/predict", True)
    assert found.headers[b"host"] == b"127.0.0.1"
    assert found.headers[b"content-length"].isdigit()
    kept = plain_request(KEPT, MOST)
    assert kept is not None
    assert not kept.closing


@pytest.mark.parametrize("sent", LONG_WAY.values(), ids=LONG_WAY)
def test_whatever_is_unusual_is_not_taken_for_plain(sent):
    assert sent != PLAIN
    assert plain_request(sent, MOST) is None


@settings(max_examples=300, deadline=None)
@given(st.data())
@example(None)
def test_what_is_taken_for_plain_is_one_whole_request_to_h11_too(data):
    sent = bytearray(KEPT)
    if data is not None:
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(sent) - 1))
            sent[at : at + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from(PIECES))
    found = plain_request(bytes(sent), MOST)
    if found is None:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(bytes(sent))
    events = []
    while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        events.append(event)
    assert isinstance(events[-1], h11.EndOfMessage)
    assert connection.trailing_data[0] == b""
    asked = events[0]
    assert (asked.method, asked.target.decode("ascii")) == (b"POST", found.path)
    assert dict(asked.headers) == found.headers
    assert (connection.their_state is h11.MUST_CLOSE) == found.closing


PIECES = (b"", b"\r\n", b"\n", b"\r", b" ", b":", b": ", b"0", b"9", b"a", b"/", b"\x00", b"\xff", b"\r\n\r\n")


@pytest.mark.parametrize("refusal", [full(3), NO_KEY, TOO_LARGE, WRONG_HOST], ids=lambda one: one.code)
def test_it_says_how_long_it_is_and_when_the_connection_ends(refusal):
    for closing in (False, True):
        head, _, body = answer_to_plain(refusal, closing).partition(b"\r\n\r\n")
        assert body == refusal.body
        assert f"content-length: {len(body)}".encode() in head.split(b"\r\n")
        assert (b"Connection: close" in head) == closing


@asynccontextmanager
async def crowded(**limits):
    """A server whose only place is taken by somebody whose answer takes long."""
    host, go = FakeHost(), threading.Event()
    async with listening(host, waiting=1, **limits) as one:
        host.before = lambda asked: go.wait(30)
        first = asyncio.create_task(ask(one.port, PLAIN))
        await until(lambda: one.service.engine.waiting == 1)
        try:
            yield one, go
        finally:
            go.set()
            assert (await first).status == 200


async def answers(port, sent, times=1):
    """What comes back on one connection, until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    came = b""
    for at in range(times):
        writer.write(sent if at < times - 1 else sent.replace(b"Host:", b"Connection: close\r\nHost:"))
        if at < times - 1:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            came += head + await reader.readexactly(int(length.split(b":")[1]))
    came += await reader.read(-1)
    writer.transport.abort()
    return came


@pytest.mark.full
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (KEPT, b"429"),
        (KEPT.replace(b"127.0.0.1", b"elsewhere.example"), b"421"),
        (KEPT.replace(b"/v1/predict", b"/v1/explain"), b"429"),
        (KEPT.replace(b"/v1/predict", b"/v1/nothing"), b"404"),
        (KEPT.replace(b"application/json", b"text/plain"), b"429"),
    ],
)
def test_the_answer_is_that_of_the_long_way_to_the_byte_and_the_connection_stays(monkeypatch, sent, status):
    async def work():
        async with crowded() as (one, _):
            return await answers(one.port, sent, times=3), one.service.metrics.text()

    def counted(text):
        return sorted(line for line in text.decode().splitlines() if "_total{" in line and "created" not in line)

    short, counts = run(work())
    asked = []
    monkeypatch.setattr(protocol, "plain_request", lambda *given: asked.append(given))
    long, wanted = run(work())
    assert asked
    assert short == long
    assert short.count(b"HTTP/1.1 " + status) == 3
    assert short.count(b"HTTP/1.1 ") == 3
    assert counted(counts) == counted(wanted)


@pytest.mark.full
def test_who_was_turned_away_is_served_on_the_same_connection_once_there_is_room():
    async def work():
        async with crowded() as (one, go):
            reader, writer = await one.connect(KEPT)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readuntil(b"}}")
            go.set()
            await until(lambda: one.service.engine.waiting == 0)
            writer.write(PLAIN)
            answer = await reader.read(-1)
            writer.transport.abort()
            return head.split(b" ")[1], answer.split(b" ")[1]

    assert run(work()) == (b"429", b"200")


@pytest.mark.full
def test_a_connection_that_was_refused_and_stays_has_its_deadline():
    async def work():
        async with crowded(idle_seconds=0.3) as (one, _):
            reader, writer = await one.connect(KEPT)
            answer = await reader.read(-1)  # until the server closes
            writer.transport.abort()
            await until(lambda: len(one.server.crowd) == 1)
            return answer

    assert run(work()).startswith(b"HTTP/1.1 429")
