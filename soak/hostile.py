"""Requests that mean no good, by hand and generated: `python -m soak.hostile [--short]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from soak.generated import generate
from soak.http import HOST, Got, ask, parsed, post
from soak.served import fake, serving
from soak.table import Line, finish, say

MOST_BODY = 1024
# Stands in what is sent, and must not stand in an answer.
MARK = "Zx9Q-echo"
START = f"POST /v1/predict HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
JSON = "Content-Type: application/json\r\n"


@dataclass(frozen=True)
class Hostile:
    """What is sent, and the statuses that are right for it."""

    name: str
    sent: bytes
    statuses: frozenset[int]


def bodies() -> Iterable[Hostile]:
    """Bodies that are no JSON, not quite JSON, or JSON of the wrong kind."""
    deep, text = 150_000, f'{{"text": "{MARK}'.encode()
    for name, body in {
        "nothing": b"",
        "half an object": text,
        "invalid UTF-8": text + b'\xff\xfe"}',
        "half a surrogate pair": text + b'\\ud800"}',
        "half a surrogate pair as a key": b'{"\\udfff": 1, "text": "a"}',
        "UTF-16": json.dumps({"text": MARK}).encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + text + b'"}',
        "NaN": b'{"text": "a", "top_k": NaN}',
        "Infinity": b'{"text": "a", "top_k": -Infinity}',
        "a float beyond floats": b'{"text": "a", "top_k": 1e999}',
        "a number of 100,000 digits": b'{"text": "a", "top_k": ' + b"9" * 100_000 + b"}",
        "a key twice": text + b'", "text": "b"}',
        "lists 150,000 deep": b"[" * deep + b"]" * deep,
        "objects 150,000 deep": b'{"a":' * deep + b"1" + b"}" * deep,
        "80,000 unknown fields": json.dumps({f"{MARK}{at}": at for at in range(80_000)}).encode(),
        "300,000 numbers for texts": json.dumps({"texts": [1] * 300_000}).encode(),
        "300,000 objects": b"[" + b"{}," * 300_000 + b"1]",
        "700,000 lists": b"[" + b"[]," * 690_000 + b"1]",
        "300,000 texts": json.dumps({"texts": [""] * 300_000}).encode(),
        "a string without an end, of quotes": b'"' + b'\\"' * 900_000 + b"," * 20_000,
        "a control character": b'{"text": "a\x00b"}',
        "two values": b'{"text": "a"} {"text": "b"}',
    }.items():
        yield Hostile(name, posted(body), frozenset({400}))
    for name, value in {
        "a list": [MARK],
        "a string": MARK,
        "null": None,
        "an unknown field": {"text": "a", MARK: 1},
        "a text of 50,001 characters": {"text": "a" * 50_001},
        "33 texts": {"texts": ["a"] * 33},
        "5,000 texts": {"texts": [""] * 5_000},
        "no texts": {"texts": []},
        "text and texts": {"text": "a", "texts": ["a"]},
        "neither": {"models": ["lora"]},
        "nine models": {"text": "a", "models": ["lora"] * 9},
        "a model twice": {"text": "a", "models": ["lora", "lora"]},
        "an unknown model": {"text": "a", "models": [MARK]},
        "a path for a model": {"text": "a", "models": ["../../etc/passwd"]},
        "an address for a model": {"text": "a", "models": ["http://127.0.0.1/x"]},
        "a number for a text": {"text": 1},
        "null for a text": {"text": None},
        "top_k of zero": {"text": "a", "top_k": 0},
        "top_k of 10^300": {"text": "a", "top_k": 10**300},
        "top_k as a string": {"text": "a", "top_k": "1"},
        "calibrated without a temperature": {"text": "a", "models": ["pretrained"], "calibrated": True},
    }.items():
        yield Hostile(name, posted(json.dumps(value).encode()), frozenset({422}))


def posted(body: bytes) -> bytes:
    """A POST of bytes that are called JSON."""
    return f"{START}{JSON}Content-Length: {len(body)}\r\n\r\n".encode() + body


def heads() -> Iterable[Hostile]:
    """Heads, framings and paths."""
    get, end = f" HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n", "\r\n\r\n"
    large, chunked = "a" * 3_000_000, f"{START}{JSON}Transfer-Encoding: chunked\r\n\r\n"
    for name, sent, statuses in [
        ("no type", f"{START}Content-Length: 2{end}{{}}", {415}),
        ("a form", f"{START}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3{end}a=b", {415}),
        ("text", f"{START}Content-Type: text/plain\r\nContent-Length: 13{end}" + '{"text": "a"}', {415}),
        ("3 MB", f"{START}{JSON}Content-Length: {len(large)}{end}{large}", {413}),
        ("3 MB in chunks", f"{chunked}{len(large):x}\r\n{large}\r\n0{end}", {413}),
        ("a million chunks", chunked + "1\r\na\r\n" * 1_000_000 + "0\r\n\r\n", {413}),
        ("a size that is none", f"{START}{JSON}Content-Length: -1{end}", {400}),
        ("a size of 10^30", f"{START}{JSON}Content-Length: {10**30}{end}", {400, 413}),
        ("a size and an encoding", f"{START}{JSON}Content-Length: 4\r\nTransfer-Encoding: chunked{end}0{end}", {400}),
        ("an encoding in HTTP/1.0", f"POST /v1/predict HTTP/1.0\r\nHost: {HOST}\r\n{JSON}"
         f"Transfer-Encoding: chunked{end}0{end}", {400}),
        ("100-continue with a bad body", f"{START}{JSON}Expect: 100-continue\r\nTransfer-Encoding: chunked{end}ZZ\r\n",
         {400}),
        ("two sizes", f"{START}{JSON}Content-Length: 2\r\nContent-Length: 3{end}{{}}", {400}),
        ("a chunk size that is none", f"{chunked}zz\r\n{MARK}\r\n", {400}),
        ("a size of 1 MB for a chunk's line", f"{chunked}1;{'a' * 1_000_000}\r\n", {400, 413, 431}),
        ("another encoding", f"{START}{JSON}Transfer-Encoding: gzip{end}", {400, 501}),
        ("a header of 5 MB", f"{START}X-Large: {'a' * 5_000_000}{end}", {431}),
        ("a header of 100 kB", f"{START}X-Large: {'a' * 100_000}{end}", {431}),
        ("10,000 headers", START + "".join(f"X-{at}: {MARK}\r\n" for at in range(10_000)) + "\r\n", {431}),
        ("a path of 1 MB", f"GET /{'a' * 1_000_000}{get}", {431}),
        ("no request at all", f"{MARK}{end}", {400}),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + end, {400}),
        ("a header without a colon", f"{START}{MARK}{end}", {400}),
        ("no host", "GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n", {400}),
        ("another host", f"GET /v1/models HTTP/1.1\r\nHost: {MARK}.example\r\nConnection: close{end}", {421}),
        ("a host with a user", f"GET /health HTTP/1.1\r\nHost: {HOST}@evil.example\r\nConnection: close{end}", {421}),
        ("two hosts", f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nHost: evil.example\r\nConnection: close{end}", {400}),
        ("HTTP/1.0 without a host", "GET /v1/models HTTP/1.0\r\n\r\n", {421}),
        ("no such path", f"GET /{MARK}{get}", {404}),
        ("a path upwards", f"GET /static/../../../../etc/passwd{get}", {404}),
        ("an escaped path upwards", f"GET /static/%2e%2e/%2e%2e/etc/passwd{get}", {404}),
        ("a report upwards", f"GET /reports/%2e%2e%2f%2e%2e%2fetc%2fpasswd{get}", {404}),
        ("a null in a path", f"GET /reports/%00{MARK}{get}", {404}),
        ("invalid UTF-8 in a path", f"GET /reports/%ff%fe{get}", {404}),
        ("a whole address as the path", f"GET http://evil.example/v1/models{get}", {404}),
        ("the docs that FastAPI has", f"GET /docs{get}", {404}),
        ("an unknown method", f"BREW /v1/predict{get}", {405}),
        ("a method of another path", f"GET /v1/predict{get}", {405}),
        ("CONNECT", f"CONNECT {HOST}:80{get}", {404, 405}),
        ("HEAD with a bad body", f"HEAD / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked{end}ZZ\r\n", {400}),
        ("HEAD with a header of 100 kB", f"HEAD / HTTP/1.1\r\nHost: {HOST}\r\nX-Large: {'a' * 100_000}{end}", {431}),
        ("HEAD of no path", f"HEAD /{MARK}{get}", {404}),
        ("OPTIONS from elsewhere", f"OPTIONS /v1/predict HTTP/1.1\r\nHost: {HOST}\r\nOrigin: http://a.example\r\n"
         f"Access-Control-Request-Method: POST\r\nConnection: close{end}", {405}),
        ("a WebSocket", f"GET /v1/predict HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YQ=={end}", {405}),
    ]:  # fmt: skip
        yield Hostile(name, sent.encode("latin-1"), frozenset(statuses))


async def exchange(port: int, sent: bytes, seconds: float = 30.0) -> Got:
    """Send, and read one response; the server may answer before all is sent."""
    start = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, port)

    async def send() -> None:
        try:
            writer.write(sent)
            await writer.drain()
        except OSError:
            return

    sending = asyncio.create_task(send())
    answer = b""
    try:
        async with asyncio.timeout(seconds):
            answer = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            answer += await (reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else reader.read(-1))
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        pass
    finally:
        sending.cancel()
        writer.transport.abort()
    return parsed(start, answer)


def faults(one: Hostile, got: Got) -> list[str]:
    """What is wrong with an answer."""
    found = []
    if got.status not in one.statuses:
        found.append(f"{one.name}: {got.status or got.fault}, one of {sorted(one.statuses)} is expected")
    if len(got.body) > MOST_BODY:
        found.append(f"{one.name}: a body of {len(got.body):,} bytes")
    if MARK.encode() in got.body:
        found.append(f"{one.name}: the answer repeats what was sent")
    usual = not got.body if one.sent.startswith(b"HEAD ") else got.body.startswith(b'{"error": {"code"')
    if got.status and not usual:
        found.append(f"{one.name}: the body is not the usual one")
    return found


def by_hand(port: int) -> list[str]:
    """Send each hostile request, and a sound one after it; what was wrong."""
    found: list[str] = []
    sound = post("/v1/predict", {"text": "a"})
    for one in (*bodies(), *heads()):
        found += faults(one, asyncio.run(exchange(port, one.sent)))
        after = asyncio.run(ask(port, sound))
        if after.status != 200:
            found.append(f"{one.name}: the next request got {after.status or after.fault}")
    return found


def run(work: Path, cases: int = 5_000, seed: int = 0) -> list[Line]:
    """By hand, then `cases` generated from the server's OpenAPI."""
    with serving(fake(0.0), work / "hostile.log") as server:
        count = len([*bodies(), *heads()])
        found = by_hand(server.port)
        say("\n".join(found))
        made = generate(server.port, cases, seed)
        said = server.said()
        running = server.running
    wrong = f"{len(found)} of {count} were not"
    generated = f"{made.cases:,} cases, {made.statuses}; {len(made.faults)} faults{': ' if made.faults else ''}"
    return [
        Line("hostile", "4xx, at most 1 kB, nothing repeated", wrong, not found),
        Line("generated", "no 5xx, as documented", generated + "; ".join(made.faults[:3]), not made.faults),
        Line("generated", "as many as were asked for", f"{made.cases:,} of {cases:,}", made.cases >= cases),
        Line("hostile", "the server goes on and logs nothing", f"{len(said)} characters logged", running and not said),
    ]


def main() -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--short", action="store_true", help="500 generated cases")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return finish(run(Path(folder), 500 if options.short else 5_000))


if __name__ == "__main__":
    sys.exit(main())
