"""Somebody who asks again and again meanwhile, in a thread of its own."""

from __future__ import annotations

import http.client
import threading
import time
from types import TracebackType

from soak.http import HOST
from soak.load import quantile


class Watch:
    """Asks with a new connection each time, every `every` seconds, while within. Answers that are no 200 are `bad`."""

    def __init__(self, port: int, path: str = "/health", body: bytes | None = None, every: float = 0.05) -> None:
        self.seconds: list[float] = []
        self.bad: list[str] = []
        self._asked = (port, path, body, every)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def p50(self) -> float:
        return quantile(sorted(self.seconds), 0.5)

    @property
    def p99(self) -> float:
        return quantile(sorted(self.seconds), 0.99)

    @property
    def worst(self) -> float:
        return max(self.seconds, default=float("nan"))

    def _run(self) -> None:
        port, path, body, every = self._asked
        while not self._stop.is_set():
            start = time.perf_counter()
            connection = http.client.HTTPConnection(HOST, port, timeout=30)
            try:
                headers = {"Content-Type": "application/json"} if body else {}
                connection.request("POST" if body else "GET", path, body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.bad.append(str(answer.status))
            except (OSError, http.client.HTTPException) as error:
                self.bad.append(type(error).__name__)
            finally:
                connection.close()
            self.seconds.append(time.perf_counter() - start)
            self._stop.wait(max(every - (time.perf_counter() - start), 0))
