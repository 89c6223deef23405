"""lightune answering over HTTP: the server in a process of its own, asked again when it has answered."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: artifact (a folder that lightune saved), rows, texts (of a request), answers (a file)."""
    texts = json.loads(Path(spec["rows"]).read_text(encoding="utf-8"))["texts"]
    lots = [texts[at : at + spec["texts"]] for at in range(0, len(texts), spec["texts"])]
    command = [sys.executable, "-m", "lightune", "serve", spec["artifact"], "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().rstrip("/\n").rpartition(":")[2])
            ask(port, texts[: spec["warm"]])

            def answer() -> None:
                found = [row for lot in lots for row in ask(port, lot)]
                Path(spec["answers"]).write_text(json.dumps(found), encoding="utf-8")

            session.turns(answer)
        finally:
            server.terminate()


def ask(port: int, texts: list[str]) -> list[list[float]]:
    """Probabilities of texts [texts, labels], labels by name."""
    body = json.dumps({"texts": texts})
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/predict", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    said = json.loads(response.read())
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {said}")
    (name,) = said["models"]
    return [[share for _, share in sorted(one[name]["probabilities"].items())] for one in said["answers"]]
