"""`lightune serve`: what is wrong is said at once, and a study is served until the process is told to stop."""

import asyncio
import json
import re
import signal
import socket

import pytest
from soak.http import ask, post, request
from soak.served import real, serving

from lightune.cli import serve
from lightune.cli.main import main
from tests.study.shared import finished

__all__ = ["finished"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent", "--port", "0"], "absent: .*does not exist"),
        (["absent", "--host", "0.0.0.0"], "--host 0.0.0.0: .*LIGHTUNE_API_KEY"),
        (["absent", "--host", "no such name"], "--host no such name: a name or an address"),
        (["absent", "--host", "203.0.113.1"], "--host 203.0.113.1: .*LIGHTUNE_API_KEY"),
        (["absent", "--port", "70000"], "--port"),
        ([], "DIR"),
    ],
)
def test_wrong_input_ends_with_2_and_a_sentence(words, said, capsys, monkeypatch):
    monkeypatch.delenv("LIGHTUNE_API_KEY", raising=False)
    assert main(["serve", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert re.search(said, told.err), told.err
    assert "Traceback" not in told.err


def test_a_short_key_is_refused_and_not_shown(capsys, monkeypatch):
    monkeypatch.setenv("LIGHTUNE_API_KEY", "hunter2")
    assert main(["serve", "absent"]) == 2
    told = capsys.readouterr().err
    assert "LIGHTUNE_API_KEY" in told
    assert "hunter2" not in told


def test_a_taken_port_is_said_before_anything_is_loaded(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "absent", "--port", str(port)]) == 2
    assert f"--port {port}: another program listens there" in capsys.readouterr().err


def test_without_its_packages_it_says_how_to_get_them(capsys, monkeypatch):
    monkeypatch.setattr(serve, "MODULES", ("json", "no_such_package"))
    assert main(["serve", "absent"]) == 2
    said = capsys.readouterr().err
    assert "no_such_package" in said
    assert "pip install 'lightune[serve]'" in said


@pytest.mark.full
def test_a_study_is_served_until_sigterm(finished, tmp_path):
    words = [*real(finished.folder), "--arm", "lora,pretrained", "--verbose"]
    with serving(words, tmp_path / "log", threads=1) as server:

        async def work():
            return [
                await ask(server.port, sent)
                for sent in (
                    request("GET", "/ready"),
                    request("GET", "/v1/models"),
                    post("/v1/predict", {"text": "A secret film.", "calibrated": False}),
                    post("/v1/explain", {"text": "A secret film."}),
                    request("GET", f"/reports/{finished.folder.name}"),
                    request("GET", "/"),
                )
            ]

        answers = asyncio.run(work())
        ended = server.ended(server.signal(signal.SIGTERM))
    assert [answer.status for answer in answers] == [200] * 6
    assert [one["name"] for one in json.loads(answers[1].body)["models"]] == ["lora", "pretrained"]
    import lightune

    (own,) = lightune.load(finished.folder).predict(["A secret film."])
    said = json.loads(answers[2].body)["answers"][0]["lora"]
    assert said["label"] == own.label
    assert said["probabilities"] == pytest.approx(dict(own.probabilities), abs=1e-5)
    assert json.loads(answers[3].body)["score"] == pytest.approx(own.score, abs=1e-5)
    assert answers[4].body == (finished.folder / "report.html").read_bytes()
    assert ended.code == 0
    assert "POST /v1/predict 200" in ended.said
    assert "secret" not in ended.said
