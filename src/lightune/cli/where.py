"""Where the runs of a study run: the options of a cluster made into what does them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lightune.errors import ConfigError

if TYPE_CHECKING:
    from lightune.study import Executor, Fleet

LOCAL, RAY = "local", "ray"


@dataclass(frozen=True)
class Where:
    """`--executor` and the options that go with it. Raises ConfigError where they do not go together."""

    executor: str = LOCAL
    address: str | None = None
    cpus: int | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        if self.executor not in (LOCAL, RAY):
            raise ConfigError(f"--executor: {LOCAL} or {RAY} is expected, got {self.executor!r}.")
        given = {"--address": self.address, "--cpus-per-run": self.cpus, "--gpus-per-run": self.gpus}
        for option, value in given.items():
            if value is not None and self.executor != RAY:
                raise ConfigError(f"{option}: it is for runs on a cluster; add --executor ray, or leave it out.")

    @contextmanager
    def opened(self) -> Iterator[Executor | Fleet]:
        """What does the runs, for as long as this is open. Raises ConfigError as `clusters.connected` does."""
        from lightune.study import in_worker

        if self.executor == LOCAL:
            yield in_worker
            return
        from lightune.clusters import connected
        from lightune.study import RayFleet

        with connected(self.address) as ray:
            yield RayFleet(ray, self.cpus, self.gpus)
