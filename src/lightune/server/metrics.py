"""What the server counts, for Prometheus; in a registry of its own, so that several can live in a process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
TOKENS = (64, 256, 1024, 2048, 4096, 8192, 16384, 32768, 65536)


class Metrics:
    """One counter or histogram an attribute."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lightune_requests", "Requests answered, refusals too.", ["route", "status"], registry=self.registry
        )
        self.rejected = Counter("lightune_rejected", "Requests refused, by reason.", ["reason"], registry=self.registry)
        self.waiting = Gauge("lightune_waiting_requests", "Requests taken and not answered.", registry=self.registry)
        self.waiting_tokens = Gauge(
            "lightune_waiting_tokens", "Estimated tokens that wait to be computed.", registry=self.registry
        )
        self.connections = Gauge("lightune_connections", "Open connections.", registry=self.registry)
        self.batch_texts = self._histogram("batch_texts", "Texts of a batch, once a model.", TEXTS)
        self.batch_tokens = self._histogram("batch_tokens", "Estimated tokens of a batch.", TOKENS)
        self.wait = self._histogram("wait_seconds", "From a request's arrival to its first batch.", SECONDS)
        self.compute = self._histogram("compute_seconds", "A batch in the models.", SECONDS)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"lightune_{name}", what, buckets=buckets, registry=self.registry)
