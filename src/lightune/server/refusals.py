"""What the server says when it does not answer: a status, a code, one sentence, and nothing of the request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache, cached_property

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Refusal:
    """status: of HTTP. code: for programs. message: for people, what was expected. headers: beside the usual ones."""

    status: int
    code: str
    message: str
    headers: tuple[Header, ...] = field(default=())

    @cached_property
    def body(self) -> bytes:
        """The response's body, JSON of less than 1 kB."""
        return json.dumps({"error": {"code": self.code, "message": self.message}}).encode("ascii")

    @cached_property
    def all_headers(self) -> list[Header]:
        """The response's headers."""
        length = str(len(self.body)).encode("ascii")
        return [(b"content-type", b"application/json"), (b"content-length", length), *SAFE_HEADERS, *self.headers]


class Refused(Exception):
    """Raised while a request is looked at; the response says what `refusal` holds."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


# For every response: nothing is kept, guessed at, shown in a frame, or told to other sites.
SAFE_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

BAD_REQUEST = Refusal(400, "bad_request", "A request of HTTP/1.1 is expected.")
BAD_JSON = Refusal(
    400,
    "bad_json",
    "The body is not valid JSON. One object in UTF-8 is expected; NaN, Infinity, a key twice, half a surrogate pair, "
    "deep nesting, numbers of hundreds of digits and thousands of values are not taken either.",
)
NO_KEY = Refusal(
    401,
    "no_key",
    "The API key is expected: `Authorization: Bearer KEY`.",
    # A header each: Chromium looks at the first challenge of a header alone.
    ((b"www-authenticate", b'Bearer realm="lightune"'), (b"www-authenticate", b'Basic realm="lightune"')),
)
NOT_FOUND = Refusal(404, "not_found", "There is nothing at this path; /openapi.json lists what there is.")
WRONG_METHOD = Refusal(405, "wrong_method", "This path takes other methods; `Allow` names them.")
TOO_SLOW = Refusal(408, "too_slow", "A request is expected to come in whole within some seconds.")
TOO_LARGE = Refusal(413, "too_large", "A body of at most 2 MiB, in at most 2,000 chunks, is expected.")
NOT_JSON = Refusal(415, "not_json", "The body is expected as `Content-Type: application/json`.")
WRONG_HOST = Refusal(
    421,
    "wrong_host",
    "The server is not asked by a name that it knows. Use the address that it was started with, or start it with "
    "--allowed-host and this name.",
)
LARGE_HEADERS = Refusal(431, "large_headers", "Headers of at most 16 KiB are expected.")
FAULT = Refusal(500, "fault", "The server failed at this request; its log names the place.")
MODEL_FAILED = Refusal(500, "model_failed", "The model failed at this request; the server's log names the place.")
NO_MODEL = Refusal(
    503, "no_model", "The models have ended, or do not come back; the server may need to be started again."
)


@cache
def full(seconds: int) -> Refusal:
    """429: as much work waits as is taken on; seconds: until some of it should be done."""
    message = "As many requests wait as can be answered in good time. Try again after the seconds in `Retry-After`."
    return Refusal(429, "busy", message, _after(seconds))


def stopping(seconds: int = 5) -> Refusal:
    """503: the server was asked to end."""
    return Refusal(503, "stopping", "The server is stopping, and takes no new requests.", _after(seconds))


def crowded(seconds: int = 5) -> Refusal:
    """503: no connection is free, or no room for a body."""
    return Refusal(503, "crowded", "As many connections or bodies come in as the server takes.", _after(seconds))


def wrong_fields(code: str, message: str) -> Refusal:
    """422: JSON, but not what the endpoint takes."""
    return Refusal(422, code, message)


def _after(seconds: int) -> tuple[Header, ...]:
    return ((b"retry-after", str(seconds).encode("ascii")),)
