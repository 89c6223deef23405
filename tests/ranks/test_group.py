"""The processes of a training: what is told where one of them does not come."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import torch.distributed
from torch.distributed import TCPStore

from lightune.errors import Lost
from lightune.ranks import GONE, Ranks, joined
from lightune.ranks.group import watched
from lightune.study.checkpoints import CHECKPOINTS, OwnCheckpoints


@pytest.fixture
def place() -> Iterator[int]:
    """The port of a place to meet, where nobody else comes to."""
    store = TCPStore("127.0.0.1", 0, None, True, timedelta(seconds=5), wait_for_workers=False)
    yield store.port
    del store


def first_of_two(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for name, value in Ranks(0, 2, 0, 2, "127.0.0.1", port).environment(0).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIGHTUNE_WAIT_SECONDS", "0.3")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")


def join(folder: Path) -> None:
    with OwnCheckpoints(folder, "f", lambda _: None), joined():
        pass


@pytest.mark.full
def test_where_another_does_not_come_the_checkpoints_of_a_run_that_goes_on_stay(monkeypatch, tmp_path, place):
    first_of_two(monkeypatch, place)
    for _ in range(2):  # the second time it goes on from what the first has left
        with pytest.raises(Lost, match=GONE):
            join(tmp_path)
        (tmp_path / CHECKPOINTS / "checkpoint-1").mkdir(exist_ok=True)
    assert (tmp_path / CHECKPOINTS / "checkpoint-1").exists()


@pytest.mark.full
def test_where_there_is_no_place_to_meet_it_is_told_as_lost_too(monkeypatch, tmp_path):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        first_of_two(monkeypatch, one.getsockname()[1])
    with pytest.raises(Lost, match=GONE):
        join(tmp_path)


@pytest.mark.parametrize(
    "error", [torch.distributed.DistStoreError("wait"), RuntimeError("[gloo] Connection closed by peer")]
)
def test_what_torch_says_of_another_is_told_as_lost(error):
    with pytest.raises(Lost, match=GONE), watched():
        raise error


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), RuntimeError("gloo: Cannot allocate memory")])
def test_what_is_this_process_own_fault_is_not(error):
    with pytest.raises(RuntimeError) as raised, watched():
        raise error
    assert raised.value is error
