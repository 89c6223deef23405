"""The hub's data sets, against a stand-in for the hub on this machine; each case in a process of its own, since
huggingface_hub reads its environment when it is imported."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lightune.config import DataConfig
from lightune.data import load_splits
from lightune.errors import DataError

from .test_sources import hub_folder

pytestmark = pytest.mark.full

SHA = "a" * 40


class StandIn(ThreadingHTTPServer):
    """Serves one data set, acme/films, and redirects its old name `films` to it."""

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
        self.served = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/api/datasets/films"):
            self.answer(307, b"", {"Location": path.replace("/films", "/acme/films")})
        elif path.startswith("/api/datasets/acme/films/tree/"):
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.server.files.items()
            ]
            self.answer(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})
        elif path.startswith("/api/datasets/acme/films"):
            info = {"id": "acme/films", "sha": SHA, "siblings": [{"rfilename": name} for name in self.server.files]}
            self.answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
        elif path.startswith("/datasets/") and f"/resolve/{SHA}/" in path:
            name = path.split(f"/resolve/{SHA}/")[1]
            self.server.served.append(name)
            data = self.server.files[name]
            self.answer(200, data, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": SHA})
        elif path == "/api/datasets/acme/closed/revision/main":
            self.answer(403, b"", {"X-Error-Code": "GatedRepo"})
        else:
            self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = hub_folder(tmp_path_factory.mktemp("hub"))
    (folder / "plain" / "unlisted-00000-of-00001.parquet").write_bytes(b"never fetched")
    server = StandIn(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


SCRIPT = """
import sys
from lightune.config import DataConfig
from lightune.data import load_splits
from lightune.errors import DataError
for source in sys.argv[1:]:
    try:
        splits = load_splits(DataConfig(source=source))
        print(splits.label_names, len(splits.train), len(splits.validation), len(splits.test), splits.facts.fingerprint)
    except DataError as error:
        print("DataError:", error)
"""


def load(home, endpoint, *sources, **extra):
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
        **extra,
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *sources], env=environment, cwd=home, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_data_set_comes_from_the_hub_and_then_from_its_cache(hub, tmp_path):
    endpoint = f"http://127.0.0.1:{hub.server_port}"
    named, short = load(tmp_path, endpoint, "acme/films", "films:plain")
    assert named.startswith("('neg', 'pos') 72 8 40")
    assert short == named
    assert "plain/unlisted-00000-of-00001.parquet" not in hub.served
    assert "plain/test-00000-of-00001.parquet" in hub.served
    assert load(tmp_path, endpoint, "acme/films", HF_HUB_OFFLINE="1") == [named]
    # A hub that has gone away (a closed port) is made up for by the cache too.
    assert load(tmp_path, "http://127.0.0.1:9", "acme/films") == [named]


def test_names_the_hub_does_not_give_out(hub, tmp_path):
    endpoint = f"http://127.0.0.1:{hub.server_port}"
    unknown, closed, config = load(tmp_path, endpoint, "acme/nothing", "acme/closed", "acme/films:nope")
    assert unknown.startswith("DataError: 'acme/nothing' is neither a file or folder here nor a data set on the hub")
    assert closed.startswith("DataError: The data set 'acme/closed' is gated")
    assert "no configuration 'nope'; it has 'plain'" in config


def test_a_hub_out_of_reach(tmp_path):
    (answer,) = load(tmp_path, "http://127.0.0.1:9", "acme/films")
    assert answer.startswith("DataError: 'acme/films' is no file or folder here")
    assert "the hub is out of reach" in answer
    assert answer.endswith("Connect, or give a local folder or file.")


def test_offline_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"the hub is switched off \(HF_HUB_OFFLINE\) and its cache does not have it"):
        load_splits(DataConfig(source="stanfordnlp/never-cached"))
