"""The processes of one training: each has a model and a part of each step's rows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from lightune.errors import ConfigError, Lost
from lightune.ranks.environment import RUN, SHARDED, ranks_from_environment, take_ranks

if TYPE_CHECKING:
    from torch import Tensor

Value = TypeVar("Value")
# How long a process waits for the others in what they do together. What one does for all of them may take longer.
WAIT, WAIT_SECONDS, MOST_SECONDS = "LIGHTUNE_WAIT_SECONDS", 600.0, 1e6
POLL_SECONDS = 0.05
GONE = "Another process of this training does not answer any more"
# How the libraries below torch say that another process does not answer any more, where they don't by a DistError.
SAYINGS = ("gloo", "NCCL", "onnection closed", "onnection reset", "roken pipe", "imed out", "ocket", "TCPStore")


class Group:
    """One process alone, which is what most trainings have: all that it does together is done by itself."""

    rank, size, sharded = 0, 1, False

    @property
    def first(self) -> bool:
        """Whether this process writes, and speaks for all."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    def gather(self, value: Value) -> list[Value]:
        """The plain values of all processes, by rank."""
        return [value]

    def from_first(self, value: Value) -> Value:
        """The plain value that the first process has."""
        return self.gather(value)[0]

    def most(self, number: int) -> int:
        """The largest of all processes' numbers."""
        return number

    def add(self, tensor: Tensor) -> None:
        """Make `tensor` the sum of all processes'."""

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The first process does what is within it before the others do, which wait for as long as it takes."""
        yield

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within it another process that has gone is told as Lost."""
        yield


SOLO = Group()


class Several(Group):
    """This process among several, in a process group of torch. store: where they leave each other words. sharded: the
    model is spread over them."""

    def __init__(self, rank: int, size: int, store: Any, sharded: bool) -> None:
        self.rank, self.size, self.sharded = rank, size, sharded
        self._store = store
        self._turns = 0

    def gather(self, value: Value) -> list[Value]:
        """The plain values of all processes, by rank."""
        import torch.distributed

        found: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(found, value)
        return found

    def most(self, number: int) -> int:
        """The largest of all processes' numbers."""
        import torch.distributed

        told = torch.tensor([number])
        torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
        return int(told)

    def add(self, tensor: Tensor) -> None:
        """Make `tensor` the sum of all processes'."""
        import torch.distributed

        torch.distributed.all_reduce(tensor)

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The first process does what is within it before the others do. Whoever started these processes ends those
        that wait for one that has gone."""
        self._turns += 1
        done = f"turn/{self._turns}"
        while not self.first and not self._store.check([done]):
            time.sleep(POLL_SECONDS)
        yield
        if self.first:
            self._store.set(done, "")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within it another process that has gone is told as Lost."""
        with watched():
            yield


@contextmanager
def watched() -> Iterator[None]:
    """Within it, among several processes, one that has gone is told as Lost."""
    from lightune.runtime import out_of_memory

    try:
        yield
    except RuntimeError as error:
        if out_of_memory(error) or not _says_gone(error):
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise Lost(f"{GONE} ({said}).") from error


def _says_gone(error: RuntimeError) -> bool:
    """Whether `error` is how torch, or a library below it, says that another process does not answer any more."""
    from torch.distributed import DistError

    return isinstance(error, DistError) or any(part in str(error) for part in SAYINGS)


@contextmanager
def joined() -> Iterator[Group]:
    """The group of processes that this worker was started for, SOLO where it works alone. Within it torch's process
    group is there; afterwards this process works alone. Raises Lost where the others do not come."""
    if RUN not in os.environ:
        yield SOLO
        return
    import torch
    from torch import distributed
    from torch.distributed import TCPStore  # type: ignore[attr-defined]
    from torch.distributed.distributed_c10d import PrefixStore

    ranks = ranks_from_environment()
    assert ranks is not None
    seconds = timedelta(seconds=wait_seconds())
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(ranks.local_rank)
        backend = "cpu:gloo,cuda:nccl"
    with watched():
        whole = TCPStore(ranks.host, ranks.port, None, False, seconds, wait_for_workers=False)
        store = PrefixStore(f"lightune/{os.environ[RUN]}", whole)
        group = Several(ranks.rank, ranks.size, store, SHARDED in ranks.sharding)
        distributed.init_process_group(backend, store=store, rank=ranks.rank, world_size=ranks.size, timeout=seconds)
        yield group
    # Not after an error: another process may be gone, and this one goes too.
    distributed.destroy_process_group()
    take_ranks()


def wait_seconds() -> float:
    """How long one process waits for another in what they do together. Raises ConfigError where the variable is no
    length of time."""
    said = os.environ.get(WAIT) or str(WAIT_SECONDS)
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds <= MOST_SECONDS:
        raise ConfigError(f"{WAIT}: seconds above 0, at most {MOST_SECONDS:,.0f}, are expected, not {said!r}.")
    return seconds
