"""Clients that send before they are asked, hang on, or frame a request in two ways."""

import asyncio
import socket

import pytest
from soak.fake import FakeHost
from soak.hostile import START, exchange
from soak.http import HOST, post, request

from lightune.server import protocol
from tests.server.listening import listening
from tests.server.service import run, until

pytestmark = pytest.mark.full
JSON = "Content-Type: application/json\r\n"
CHUNKED = f"{START}{JSON}Transfer-Encoding: chunked\r\n\r\n".encode()


def test_predictions_that_are_sent_on_and_on_are_not_taken_in_before_their_turn(monkeypatch):
    monkeypatch.setattr(protocol, "REST_SECONDS", 0.0)
    sent = post("/v1/predict", {"text": "a", "models": ["lora"]}, close=False)

    async def work():
        async with listening(FakeHost(0.01)) as one:
            reader, writer = await one.connect(sent * 60_000)
            for _ in range(30):
                await reader.readuntil(b"]}")
            (served,) = one.server.server_state.connections
            held = len(served.conn.trailing_data[0])
            writer.transport.abort()
            return held

    assert 0 < run(work()) < 2 * 2**18  # asyncio reads 2^18 bytes at a time


@pytest.mark.parametrize("head", ["Connection: close\r\n", ""])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_who_sends_all_before_it_reads_is_told_why_it_was_refused(head, version):
    start = f"POST /v1/predict HTTP/{version}\r\nHost: {HOST}\r\n{JSON}{head}Content-Length: 500000\r\n\r\n".encode()

    async def work():
        async with listening(body_bytes=1000) as one:
            loop, sending = asyncio.get_running_loop(), socket.socket()
            sending.setblocking(False)
            await loop.sock_connect(sending, (HOST, one.port))
            await loop.sock_sendall(sending, start + b"a" * 1000)
            await until(lambda: one.service.gate.under_way == 0 and one.server.server_state.total_requests == 1)
            await asyncio.sleep(0.05)
            for _ in range(10):
                await loop.sock_sendall(sending, b"a" * 49_900)
                await asyncio.sleep(0.005)
            answer = await loop.sock_recv(sending, 100_000)
            sending.close()
            await until(lambda: len(one.server.crowd) == 0)
            return answer

    assert run(work()).startswith(b"HTTP/1.1 413 ")


def test_who_goes_on_sending_after_a_refusal_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.2)

    async def work():
        async with listening(body_bytes=1000) as one:
            _, writer = await one.connect(f"{START}{JSON}Content-Length: 500000\r\n\r\n".encode())
            await until(lambda: len(one.server.crowd) == 1)
            await until(lambda: len(one.server.crowd) == 0)
            writer.transport.abort()

    run(work())


def test_a_bad_body_that_was_not_waited_for_is_refused_once(caplog):
    sent = f"{START}{JSON}Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n".encode()

    async def work():
        async with listening() as one:
            reader, writer = await one.connect(sent)
            answer = await reader.read(-1)
            await until(lambda: one.service.gate.under_way == 0)
            writer.transport.abort()
            return answer

    answer = run(work())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 4") == answer.count(b"\r\n\r\n") == 1
    assert caplog.text == ""


@pytest.mark.parametrize(
    "sent",
    [
        f"{START}{JSON}Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(),
        CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
    ],
)
def test_what_a_proxy_may_frame_otherwise_is_refused_and_nothing_after_it_is_read(sent):
    async def work():
        async with listening() as one:
            reader, writer = await one.connect(sent.replace(b"Connection: close\r\n", b"") + request("GET", "/health"))
            answer = await reader.read(-1)
            writer.transport.abort()
            return answer

    answer = run(work())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 4") == answer.count(b"\r\n\r\n") == 1


def test_chunks_are_counted_however_they_come():
    async def work():
        async with listening(chunks=10) as one:
            reader, writer = await one.connect(CHUNKED)
            for _ in range(11):
                for part in (b"1\r\n", b"a\r\n"):
                    await asyncio.sleep(0.01)
                    writer.write(part)
            answer = await reader.readuntil(b"\r\n")
            writer.transport.abort()
            return answer

    assert b" 413 " in run(work())


def test_of_a_first_request_the_time_before_its_first_byte_counts_too():
    async def work():
        async with listening(header_seconds=10.0, request_seconds=2.0) as one:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            reader, writer = await one.connect()
            await asyncio.sleep(1.5)
            writer.write(f"{START}{JSON}Content-Length: 9\r\n\r\n".encode())
            answer = await reader.readuntil(b"\r\n")
            writer.transport.abort()
            return answer, loop.time() - begun

    answer, seconds = run(work())
    assert b" 408 " in answer
    assert seconds < 3.0


def test_a_method_is_logged_only_where_it_is_a_usual_one(caplog):
    caplog.set_level("INFO", logger="lightune.server")

    async def work():
        async with listening() as one:
            sent = f"somebodys-words /v1/predict HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
            return await exchange(one.port, sent.encode())

    assert run(work()).status == 405
    assert "- /v1/predict 405" in caplog.text
    assert "somebody" not in caplog.text
