"""Requests generated from the server's own OpenAPI, by Schemathesis: sound ones and wrong ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import hypothesis
import requests
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks

from soak.http import HOST
from soak.table import say

MOST_BODY = 1024
# Of an operation that takes nothing there is hardly more than one case.
FEW = 5
# What holds of each response, whatever was sent.
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)


@dataclass(frozen=True)
class Generated:
    """How many cases were sent, their statuses, and the faults that checks found."""

    cases: int
    statuses: Mapping[int, int]
    faults: tuple[str, ...]


def generate(port: int, cases: int, seed: int) -> Generated:
    """Send at least `cases` requests: some of each operation that takes nothing, and of those that take a body as many
    sound ones as wrong ones."""
    sender = _Sender(f"http://{HOST}:{port}", seed)
    schema = schemathesis.openapi.from_url(f"{sender.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    with_body = [operation for operation in operations if operation.body]
    for operation in operations:
        if operation not in with_body:
            sender.send(operation, schemathesis.GenerationMode.POSITIVE, FEW)
    each = -(-cases // (2 * len(with_body)))
    for operation in with_body:
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            say(f"generated: {each:,} {mode.value} cases of {operation.label}")
            sender.send(operation, mode, each)
    sender.session.close()
    return Generated(sum(sender.statuses.values()), dict(sorted(sender.statuses.items())), tuple(sender.faults))


class _Sender:
    """Sends cases and keeps what came of them."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.session = requests.Session()
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        self._seed = seed
        load_all_checks()
        self._checks = CHECKS.get_by_names(CHECKED)

    def send(self, operation: Any, mode: schemathesis.GenerationMode, count: int) -> None:
        """Send `count` cases of an operation, fewer where there are no more."""

        @hypothesis.seed(self._seed)
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def one(case: schemathesis.Case) -> None:
            response = case.call(base_url=self.url, session=self.session)
            self.statuses[response.status_code] += 1
            if len(response.content) > MOST_BODY and response.status_code != 200:
                self.faults.append(f"{operation.label}: {response.status_code} with {len(response.content):,} bytes")
            try:
                case.validate_response(
                    response, checks=self._checks, excluded_checks=self._beside(response.status_code)
                )
            except BaseExceptionGroup as error:
                self.faults += [
                    f"{operation.label}: {response.status_code} {case.body!r:.200}: {each}" for each in error.exceptions
                ]
            except AssertionError as error:
                self.faults.append(f"{operation.label}: {response.status_code} {case.body!r:.200}: {error}")

        one()

    def _beside(self, status: int) -> list[Any]:
        """Schemathesis does not count 413 among the refusals of what is wrong; a text that is too long can be one."""
        return CHECKS.get_by_names(["negative_data_rejection"]) if status == 413 else []
