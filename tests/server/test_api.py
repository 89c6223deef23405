"""What each endpoint answers, and what every answer has."""

import json
import re

import numpy as np
import pytest
from soak.fake import LABELS, FakeHost, logits_of

from lightune.server.app import Service
from tests.server.service import HOST, run, serving

KEY = "a key of 32 characters, no blanks".replace(" ", "-")
PREDICT = "/v1/predict"


def expected(model: str, text: str, temperature: float = 1.0) -> dict[str, float]:
    logits = np.array(logits_of(model, text)) / temperature
    shares = np.exp(logits) / np.exp(logits).sum()
    return dict(zip(LABELS, shares.tolist(), strict=True))


def asked(method: str, path: str, value=None, *, host=None, key=None, **options):
    """One request to a service of its own."""

    async def work():
        async with serving(host, key) as (_, client):
            return await client.request(method, path, json=value, **options)

    return run(work())


def test_before_and_after_is_one_request():
    texts = ["one", "four", ""]
    answer = asked("POST", PREDICT, {"texts": texts}).json()
    assert answer["models"] == ["lora", "pretrained"]
    assert len(answer["answers"]) == 3
    for text, said in zip(texts, answer["answers"], strict=True):
        assert list(said) == ["lora", "pretrained"]
        for model, one in said.items():
            shares = expected(model, text)
            assert one["probabilities"] == pytest.approx(shares)
            assert list(one["probabilities"].values()) == pytest.approx(sorted(shares.values(), reverse=True))
            assert one["score"] == one["probabilities"][one["label"]] == pytest.approx(max(shares.values()))


def test_one_text_chosen_models_the_best_label_and_calibrated():
    value = {"text": "four", "models": ["lora"], "top_k": 1, "calibrated": True}
    answer = asked("POST", PREDICT, value).json()
    shares = expected("lora", "four", temperature=2.0)
    label = max(shares, key=shares.get)
    said = {
        "label": label,
        "score": pytest.approx(shares[label]),
        "probabilities": {label: pytest.approx(shares[label])},
    }
    assert answer == {"models": ["lora"], "answers": [{"lora": said}]}


@pytest.mark.full
def test_an_explanation_is_the_pieces_of_the_text():
    text = "thin but lovely "
    answer = asked("POST", "/v1/explain", {"text": text, "model": "pretrained", "label": "good"}).json()
    assert "".join(piece["text"] for piece in answer["pieces"]) == text
    whole = expected("pretrained", text)["good"]
    assert answer["score"] == pytest.approx(whole)
    without = expected("pretrained", "but lovely ")["good"]
    assert answer["pieces"][0] == {"text": "thin ", "change": pytest.approx(whole - without)}
    assert (answer["model"], answer["label"], answer["method"]) == ("pretrained", "good", "occlusion")
    by_itself = asked("POST", "/v1/explain", {"text": text}).json()
    assert by_itself["model"] == "lora"
    assert by_itself["score"] == pytest.approx(max(expected("lora", text).values()))
    assert asked("POST", "/v1/explain", {"text": ""}).json()["pieces"] == []


def test_an_explanation_asks_for_the_text_and_what_is_left_of_it_once():
    host = FakeHost(keep=True)
    asked("POST", "/v1/explain", {"text": "one two three"}, host=host)
    texts = [text for each in host.asked[4:] for ask in each for text in ask.texts]
    assert texts == ["one two three", "two three", "one three", "one two"]


def test_a_fault_of_the_servers_own_is_answered_in_the_usual_form(monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("lightune.server.answering.answer", fail)
    got = asked("POST", PREDICT, {"text": "a"})
    assert (got.status_code, got.json()["error"]["code"]) == (500, "fault")
    assert got.headers["cache-control"] == "no-store"
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


def test_the_models_and_limits_are_told():
    answer = asked("GET", "/v1/models").json()
    assert [one["name"] for one in answer["models"]] == ["lora", "pretrained"]
    assert answer["models"][0] == {
        "name": "lora", "study": "fake", "arm": "lora", "kind": "adapter", "base": "fake-base",
        "labels": ["bad", "good"], "verified": True, "calibrated": True, "max_length": 512, "report": None,
    }  # fmt: skip
    assert answer["models"][1]["calibrated"] is False
    assert answer["defaults"] == ["lora", "pretrained"]
    assert answer["limits"] == {"texts": 32, "characters": 50_000, "models": 8, "bytes": 2 * 2**20}


@pytest.mark.full
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({}, "text_or_texts"),
        ({"text": "a", "texts": ["a"]}, "text_or_texts"),
        ({"texts": []}, "wrong_fields"),
        ({"texts": ["a"] * 33}, "too_many_texts"),
        ({"text": "a" * 50_001}, "text_too_long"),
        ({"texts": ["a", "a" * 50_001]}, "text_too_long"),
        ({"text": "a", "models": ["lora"] * 9}, "too_many_models"),
        ({"text": "a", "models": []}, "wrong_fields"),
        ({"text": "a", "models": ["lora", "lora"]}, "model_twice"),
        ({"text": "a", "models": ["absent"]}, "unknown_model"),
        ({"text": "a", "model": "lora"}, "unknown_field"),
        ({"text": "a", "top_k": 0}, "wrong_fields"),
        ({"text": "a", "top_k": True}, "wrong_fields"),
        ({"text": "a", "top_k": 10**300}, "wrong_fields"),
        ({"text": "a", "calibrated": True}, "not_calibrated"),
        ({"text": "a", "calibrated": 1}, "wrong_fields"),
        ({"text": 1}, "wrong_fields"),
        ([], "wrong_fields"),
        (None, "wrong_fields"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_fields_are_refused_with_a_code(value, code):
    headers = {"content-type": "application/json"}
    answer = asked("POST", PREDICT, content=json.dumps(value), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({}, "missing_field"),
        ({"text": "a", "label": "absent"}, "unknown_label"),
        ({"text": "a", "model": "absent"}, "unknown_model"),
        ({"texts": ["a"]}, "unknown_field"),
    ],
)
def test_wrong_fields_of_an_explanation_too(value, code):
    answer = asked("POST", "/v1/explain", value)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


def test_the_limits_themselves_are_allowed():
    assert asked("POST", PREDICT, {"texts": ["a" * 50_000] * 32, "models": ["lora"]}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/json-patch+json", "multipart/form-data; boundary=a", ""])
def test_only_json_is_read(kind):
    answer = asked("POST", PREDICT, content=b'{"text": "a"}', headers={"content-type": kind} if kind else {})
    assert answer.status_code == 415


def test_a_charset_may_be_named():
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert asked("POST", PREDICT, content=b'{"text": "a"}', headers=headers).status_code == 200


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_2_mib_is_refused(declared):
    async def content():
        for _ in range(3):
            yield b"a" * 2**20

    headers = {"content-type": "application/json"}
    body = b"a" * (2 * 2**20 + 1) if declared else content()
    assert asked("POST", PREDICT, content=body, headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/absent", 404), ("GET", "/docs", 404), ("GET", "/redoc", 404), ("GET", "/reports/absent", 404),
        ("GET", "/static/absent.js", 404), ("GET", "/v1/predict/", 404), ("GET", PREDICT, 405),
        ("POST", "/health", 405),
        ("OPTIONS", PREDICT, 405), ("BREW", "/", 405), ("HEAD", PREDICT, 405), ("HEAD", "/health", 200),
    ],
)  # fmt: skip
def test_other_paths_and_methods_are_refused_in_the_usual_form(method, path, status):
    answer = asked(method, path)
    assert answer.status_code == status
    if status != 200 and method != "HEAD":
        assert set(answer.json()["error"]) == {"code", "message"}
        assert "absent" not in answer.text
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.full
def test_no_answer_may_be_kept_guessed_at_or_read_by_other_sites():
    for method, path in [
        ("GET", "/health"),
        ("GET", "/"),
        ("GET", "/absent"),
        ("POST", PREDICT),
        ("GET", "/openapi.json"),
    ]:
        headers = asked(method, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] in ("no-store", "no-cache")
        assert "access-control-allow-origin" not in headers


@pytest.mark.full
def test_a_name_that_is_not_the_servers_is_refused_on_every_route():
    for path in ("/health", "/", "/v1/models"):
        assert asked("GET", path, headers={"host": "evil.example"}).status_code == 421


def test_with_a_key_every_route_but_health_is_closed_without_it():
    async def work():
        async with serving(key=KEY) as (service, client):
            routes = list(routes_of(service))
            assert {path for _, path in routes} >= {"/", PREDICT, "/v1/explain", "/v1/models", "/ready", "/metrics",
                                                    "/openapi.json", "/reports/fake", "/static/app.js"}  # fmt: skip
            for method, path in [*routes, ("GET", "/absent"), ("HEAD", "/")]:
                without = await client.request(method, path)
                wrong = await client.request(method, path, headers={"authorization": f"Bearer {KEY[1:]}"})
                right = await client.request(method, path, headers={"authorization": f"Bearer {KEY}"})
                closed = 200 if path == "/health" else 401
                assert (without.status_code, wrong.status_code) == (closed, closed), path
                assert right.status_code != 401, path
            assert (await client.get("/v1/models")).headers["www-authenticate"].startswith("Bearer")
            basic = await client.get("/", auth=("", KEY))
            assert basic.status_code == 200

    run(work())


def routes_of(service: Service):
    """Each method and path of the application, as FastAPI has them."""
    found = list(service.app.routes)
    while found:
        route = found.pop()
        found += getattr(getattr(route, "original_router", None), "routes", [])
        for method in getattr(route, "methods", None) or ():
            yield method, re.sub(r"\{\w+\}", "fake", route.path)


def test_openapi_tells_all_that_can_be_asked_and_answered():
    document = asked("GET", "/openapi.json").json()
    assert set(document["paths"]) == {PREDICT, "/v1/explain", "/v1/models", "/health", "/ready", "/metrics"}
    post = document["paths"][PREDICT]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["models"]["items"]["enum"] == ["lora", "pretrained"]
    assert {"200", "400", "401", "413", "415", "422", "429", "503"} <= set(post["responses"])


def test_metrics_count_requests_batches_and_refusals():
    async def work():
        async with serving() as (_, client):
            await client.post(PREDICT, json={"texts": ["a", "b"]})
            await client.post(PREDICT, json={})
            await client.get("/health", headers={"host": "evil.example"})
            return (await client.get("/metrics")).text

    text = run(work())
    assert f'lightune_requests_total{{route="{PREDICT}",status="200"}} 1.0' in text
    assert f'lightune_requests_total{{route="{PREDICT}",status="422"}} 1.0' in text
    assert 'lightune_rejected_total{reason="wrong_host"} 1.0' in text
    assert "lightune_batch_texts_sum 4.0" in text
    for name in (
        "waiting_requests",
        "waiting_tokens",
        "batch_tokens_count",
        "wait_seconds_count",
        "compute_seconds_count",
    ):
        assert f"lightune_{name}" in text


@pytest.mark.full
def test_the_page_runs_no_script_but_its_own():
    answer = asked("GET", "/")
    policy = answer.headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= {
        one.strip() for one in policy.split(";")
    }
    assert "unsafe" not in policy
    for path in re.findall(r'(?:src|href)="(static/[^"]+)"', answer.text):
        assert asked("GET", f"/{path}").status_code == 200, path


@pytest.mark.full
def test_a_report_is_served_as_it_is_now_and_runs_nothing(tmp_path):
    from dataclasses import replace

    report = tmp_path / "report.html"
    report.write_text("<style>p {}</style>first", encoding="utf-8")
    host = FakeHost()
    host.models = {name: replace(one, study="a study/b", report=report) for name, one in host.models.items()}
    path = asked("GET", "/v1/models", host=host).json()["models"][0]["report"]
    assert path == "/reports/a%20study%2Fb"
    host.models = {name: replace(one, study="study", report=report) for name, one in host.models.items()}
    report.write_text("<style>p {}</style>second", encoding="utf-8")
    answer = asked("GET", "/reports/study", host=host)
    assert answer.text == "<style>p {}</style>second"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "style-src 'unsafe-inline'" in policy
    report.unlink()
    assert asked("GET", "/reports/study", host=host).status_code == 404


@pytest.mark.full
def test_nothing_of_a_request_is_logged(caplog):
    caplog.set_level("DEBUG", logger="lightune.server")
    asked("POST", PREDICT, {"text": "a secret"})
    asked("GET", "/a-secret?secret=1", headers={"host": HOST})
    asked("POST", PREDICT, {"text": "a", "secret": 1})
    assert len(caplog.records) >= 3
    assert "secret" not in caplog.text
