"""The queue, the batches and the model thread: who waits, who is refused, and what a failure does to others."""

import asyncio
import threading

import numpy as np
import pytest
from soak.fake import FakeHost

from lightune.errors import RunError
from lightune.server.pace import LEAST_TOKENS, MOST_TOKENS, Pace
from lightune.server.refusals import Refused
from tests.server.service import Client, run, serving, until

PREDICT = "/v1/predict"
# Enough that a text fills a batch of 300 tokens.
LONG = "long " * 180


class Held(FakeHost):
    """A host that waits in `answer` until it is let go."""

    def __init__(self) -> None:
        super().__init__(keep=True)
        self.go = threading.Event()
        self.entered = threading.Event()

    def hold(self) -> None:
        """From now on, wait."""
        self.go.clear()
        self.entered.clear()

        def wait(asked) -> None:
            self.entered.set()
            assert self.go.wait(30)

        self.before = wait

    def texts(self) -> list[list[str]]:
        """What was asked for in each batch, without the texts that warm it up."""
        found = [[text for ask in asked for text in ask.texts] for asked in self.asked]
        return [texts for texts in found if not texts[0].startswith("It is what it is")]


async def entered(host: Held) -> None:
    await until(host.entered.is_set)


def test_requests_that_wait_share_a_batch():
    async def work():
        host = Held()
        async with serving(host) as (service, client):
            host.hold()
            first = asyncio.create_task(client.post(PREDICT, json={"text": "first", "models": ["lora"]}))
            await entered(host)
            rest = [
                asyncio.create_task(client.post(PREDICT, json={"text": f"text {at}", "models": ["lora"]}))
                for at in range(5)
            ]
            await until(lambda: service.engine.waiting == 6)
            host.go.set()
            answers = await asyncio.gather(first, *rest)
        assert [answer.status_code for answer in answers] == [200] * 6
        assert host.texts() == [["first"], [f"text {at}" for at in range(5)]]

    run(work())


def test_a_batch_holds_what_fits_its_budget():
    async def work():
        host = FakeHost(keep=True)
        async with serving(host, batch_tokens=300) as (_, client):
            await client.post(PREDICT, json={"texts": [LONG] * 4, "models": ["lora"]})
            return host.asked

    assert [len(ask.texts) for asked in run(work())[4:] for ask in asked] == [1, 1, 1, 1]


def test_a_full_queue_refuses_before_the_body_is_read():
    async def work():
        host = Held()
        async with serving(host, waiting=2) as (service, client):
            host.hold()
            waiting = [asyncio.create_task(client.post(PREDICT, json={"text": "a"})) for _ in range(2)]
            await until(lambda: service.engine.waiting == 2)
            late = Client(PREDICT, {"text": "a"})
            await service.gate(late.scope, late.receive, late.send)
            host.go.set()
            answers = [answer.status_code for answer in await asyncio.gather(*waiting)]
            again = await client.post(PREDICT, json={"text": "a"})
        assert (late.status, late.asked_body) == (429, 0)
        headers = dict(late.sent[0]["headers"])
        assert int(headers[b"retry-after"]) >= 1
        assert answers == [200, 200]
        assert again.status_code == 200

    run(work())


def test_a_large_request_beside_another_is_refused_and_small_ones_are_taken_until_their_turns_take_too_long():
    async def work():
        host = Held()
        async with serving(host, wait_seconds=0.85, drain_seconds=2.0) as (service, client):
            service.engine.pace = Pace()
            service.engine.pace.note(1000, 1.0)  # a turn is 512 tokens, half a second
            host.hold()
            large = {"texts": [LONG] * 32, "models": ["lora"]}
            first = asyncio.create_task(client.post(PREDICT, json=large))  # ten seconds of work
            await until(lambda: service.engine.waiting == 1)
            second = await client.post(PREDICT, json=large)
            small = []
            for at in range(3):
                small.append(asyncio.create_task(client.post(PREDICT, json={"text": "a" * 600, "models": ["lora"]})))
                await until(lambda at=at: service.engine.waiting == at + 2 or small[at].done())
            host.go.set()
            answers = [(await answer).status_code for answer in (first, *small)]
            return second, answers

    second, answers = run(work())
    assert second.status_code == 429
    assert 3 <= int(second.headers["retry-after"]) <= 10
    assert answers == [200, 200, 200, 429]


def test_a_client_that_goes_away_frees_its_place_and_is_not_computed():
    async def work():
        host = Held()
        async with serving(host) as (service, client):
            host.hold()
            first = asyncio.create_task(client.post(PREDICT, json={"text": "first"}))
            await entered(host)
            leaving = Client(PREDICT, {"text": "leaving"})
            asking = asyncio.create_task(service.gate(leaving.scope, leaving.receive, leaving.send))
            await until(lambda: service.engine.waiting == 2)
            leaving.gone.set()
            await asking
            assert service.engine.waiting == 1
            host.go.set()
            assert (await first).status_code == 200
            assert (await client.post(PREDICT, json={"text": "last"})).status_code == 200
        assert not any("leaving" in text for texts in host.texts() for text in texts)
        assert leaving.status is None

    run(work())


def test_an_explanation_whose_client_goes_away_stops():
    async def work():
        host = Held()
        async with serving(host) as (service, client):
            host.hold()
            leaving = Client("/v1/explain", {"text": "one two three"})
            asking = asyncio.create_task(service.gate(leaving.scope, leaving.receive, leaving.send))
            await entered(host)
            leaving.gone.set()
            await asking
            host.go.set()
            assert service.engine.waiting == 0
            assert (await client.post("/v1/explain", json={"text": "a b"})).status_code == 200

    run(work())


def test_a_small_request_does_not_wait_for_a_large_one_to_be_done():
    async def work():
        host = Held()
        async with serving(host, batch_tokens=400) as (service, client):
            host.hold()
            large = asyncio.create_task(client.post(PREDICT, json={"texts": [LONG] * 32, "models": ["lora"]}))
            await entered(host)
            small = asyncio.create_task(client.post(PREDICT, json={"text": "small", "models": ["lora"]}))
            await until(lambda: service.engine.waiting == 2)
            host.go.set()
            assert {(await large).status_code, (await small).status_code} == {200}
        at = next(at for at, texts in enumerate(host.texts()) if "small" in texts)
        assert at <= 2
        assert len(host.texts()) > 20

    run(work())


def test_a_failure_is_that_of_its_request_alone(caplog):
    def fail(asked) -> None:
        if any("poison" in text for ask in asked for text in ask.texts):
            raise ValueError("cannot read: poison")

    async def work():
        host = Held()
        async with serving(host) as (service, client):
            host.hold()
            first = asyncio.create_task(client.post(PREDICT, json={"text": "first"}))
            await entered(host)
            texts = ("good one", "poison", "good two")
            rest = [asyncio.create_task(client.post(PREDICT, json={"text": text})) for text in texts]
            await until(lambda: service.engine.waiting == 4)
            host.before = fail
            host.go.set()
            await first
            answers = await asyncio.gather(*rest)
            ready = await client.get("/ready")
        return [answer.status_code for answer in answers], answers[1].json(), ready.status_code

    statuses, said, ready = run(work())
    assert statuses == [200, 500, 200]
    assert said["error"]["code"] == "model_failed"
    assert ready == 200
    assert "ValueError" in caplog.text
    assert "poison" not in caplog.text


@pytest.mark.parametrize("wrong", [np.array([[np.nan, 0.0]]), np.zeros((1, 3)), np.zeros((2, 2))])
def test_what_is_no_answer_is_a_failure(wrong):
    async def work():
        host = FakeHost()
        async with serving(host) as (_, client):
            host.answer = lambda asked: [wrong for _ in asked]
            return (await client.post(PREDICT, json={"text": "a", "models": ["lora"]})).status_code

    assert run(work()) == 500


def test_a_thread_that_ends_makes_the_server_unready():
    async def work():
        host = FakeHost()

        def end(asked) -> None:
            raise SystemExit

        async with serving(host) as (service, client):
            host.before = end
            answers = await asyncio.gather(*(client.post(PREDICT, json={"text": "a"}) for _ in range(3)))
            await until(lambda: not service.engine.able)
            after = [(await client.get("/ready")).status_code, (await client.get("/health")).status_code]
            return (
                [answer.status_code for answer in answers],
                after,
                (await client.post(PREDICT, json={"text": "a"})).status_code,
            )

    answers, after, late = run(work())
    assert answers == [503, 503, 503]
    assert after == [503, 200]
    assert late == 503


@pytest.mark.full
def test_a_batch_that_does_not_come_back_makes_the_server_unready_and_nobody_waits_for_it(monkeypatch, caplog):
    monkeypatch.setattr("lightune.server.engine.STUCK_SECONDS", 0.2)

    async def work():
        host = Held()
        async with serving(host) as (service, client):
            host.hold()
            waiting = [asyncio.create_task(client.post(PREDICT, json={"text": "a"})) for _ in range(2)]
            told = await asyncio.gather(*waiting)
            late, ready = await client.post(PREDICT, json={"text": "a"}), await client.get("/ready")
            assert service.engine.waiting == 0
            host.go.set()
            await until(lambda: service.engine.able)
            again = await client.post(PREDICT, json={"text": "a"})
        return [answer.status_code for answer in told], late.status_code, ready.status_code, again.status_code

    assert run(work()) == ([503, 503], 503, 503, 200)
    assert "has not come back" in caplog.text


def test_a_dispatcher_that_fails_leaves_nobody_waiting(monkeypatch, caplog):
    async def work():
        async with serving() as (service, client):
            monkeypatch.setattr(service.engine, "_compute", None)
            answers = [await client.post(PREDICT, json={"text": "a"}) for _ in range(2)]
            return [answer.status_code for answer in answers]

    assert run(work()) == [503, 503]
    assert "Batches are made no more" in caplog.text


def test_what_is_beyond_a_models_limit_costs_a_tenth():
    async def work():
        async with serving() as (service, _):
            return [service.engine.tokens_of("lora", "a" * 3 * tokens) for tokens in (100, 511, 511 + 10_000)]

    assert run(work()) == [109, 520, 520 + 1_000]


@pytest.mark.full
def test_a_model_that_never_answers_is_found_before_anybody_asks():
    async def work():
        host = FakeHost()

        def fail(asked) -> None:
            raise ZeroDivisionError("secret")

        host.before = fail
        with pytest.raises(RunError, match="lora fails at any text: ZeroDivisionError") as found:
            async with serving(host):
                pass
        assert "secret" not in str(found.value)

    run(work())


def test_a_server_that_stops_answers_who_waits_and_refuses_who_comes():
    async def work():
        host = Held()
        async with serving(host) as (service, client):
            host.hold()
            waiting = asyncio.create_task(client.post(PREDICT, json={"text": "a"}))
            await entered(host)
            service.gate.stopping = True
            late, ready, health = [
                await client.request(method, path, json={"text": "a"} if method == "POST" else None)
                for method, path in (("POST", PREDICT), ("GET", "/ready"), ("GET", "/health"))
            ]
            host.go.set()
            return (await waiting).status_code, late, ready, health

    waited, late, ready, health = run(work())
    assert (waited, late.status_code, ready.status_code, health.status_code) == (200, 503, 503, 200)
    assert int(late.headers["retry-after"]) > 0
    assert late.headers["connection"] == "close"


def test_all_that_is_let_in_can_be_done_before_a_server_that_stops_has_to_end():
    async def work():
        async with serving() as (service, _):
            engine = service.engine
            engine.pace = Pace(batch_tokens=1_000)
            engine.pace.note(1_000, 1.0)
            large = [engine.admit(4_000) for _ in range(2)]
            with pytest.raises(Refused, match="busy"):
                engine.admit(1_001)
            small = [engine.admit(100) for _ in range(10)]  # room there is for these: two turns are before each
            with pytest.raises(Refused, match="busy"):
                engine.admit(1)
            for ticket in (*large, *small):
                engine.leave(ticket)
            alone = engine.admit(10**6)  # where nobody waits
            beside = [engine.admit(400) for _ in range(10)]  # each takes turns with it
            with pytest.raises(Refused, match="busy"):
                engine.admit(4_000)  # until this was done, the first would have as many
            for ticket in (alone, *beside):
                engine.leave(ticket)

    run(work())


def test_the_pace_follows_what_was_measured_and_bounds_a_batch():
    pace = Pace()
    for _ in range(50):
        pace.note(10_000, 1.0)
    assert pace.tokens_per_second == pytest.approx(10_000)
    assert pace.batch_tokens == 5_000
    for _ in range(50):
        pace.note(100, 1.0)
    assert pace.tokens_per_second == pytest.approx(100, rel=0.01)
    assert pace.batch_tokens == LEAST_TOKENS
    assert pace.seconds(1_000) == pytest.approx(10, rel=0.01)
    assert pace.retry_after(1_000) == 5
    assert pace.retry_after(0) == 1
    assert pace.retry_after(10**9) == 60
    for _ in range(50):
        pace.note(10**9, 1.0)
    assert pace.batch_tokens == MOST_TOKENS
    assert Pace(77).batch_tokens == 77
