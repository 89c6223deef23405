"""What is said, and by whom, where a launcher has started a command several times."""

from __future__ import annotations

from typing import Any

import pytest

from lightune.cli import main as main_module
from lightune.cli import ranks as cli_ranks
from lightune.cli.main import main
from lightune.errors import ConfigError
from lightune.ranks import Ranks
from lightune.ranks.group import wait_seconds

# What a cluster sets for the processes of a job, and what a launcher adds.
POD = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
LAUNCHER = {**POD, "LOCAL_RANK": "0"}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, which is not done."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int, variables: dict[str, str]) -> None:
    for name in ("RANK", *LAUNCHER):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**variables, "RANK": str(rank)}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("verb", [["methods"], ["search", "--model", "m", "--data", "d", "--out", "o"]])
def test_what_one_process_does_is_refused_under_a_launcher_which_rank_0_says(monkeypatch, capsys, slept, verb):
    as_rank(monkeypatch, 0, LAUNCHER)
    assert main(verb) == 2
    assert f"`lightune {verb[0]}` is done by one process" in capsys.readouterr().err
    as_rank(monkeypatch, 1, LAUNCHER)
    assert (main(verb), capsys.readouterr()) == (2, ("", ""))
    assert slept == [main_module.LATER_SECONDS]


def test_under_a_launcher_too_there_is_help_and_a_slip_is_told_as_one(monkeypatch, capsys, slept):
    as_rank(monkeypatch, 0, LAUNCHER)
    for words, said in ((["--help"], "Usage: "), (["--version"], "lightune ")):
        assert main(words) == 0
        assert capsys.readouterr().out.startswith(said)
    assert main(["stduy"]) == 2
    assert "No such command 'stduy'" in capsys.readouterr().err
    assert slept == []


@pytest.mark.parametrize("rank", [0, 1])
def test_what_a_cluster_sets_for_a_process_refuses_nothing_and_silences_no_fault(
    monkeypatch, capsys, slept, tmp_path, rank
):
    as_rank(monkeypatch, rank, POD)
    assert main(["methods"]) == 0
    assert "lora" in capsys.readouterr().out
    assert main(["report", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert slept == []


def test_too_many_processes_are_refused_before_they_meet_and_the_others_leave_later(monkeypatch, capsys, slept):
    def meet(*_: Any) -> Any:
        pytest.fail("rank 0 waits for those that do not come")

    monkeypatch.setattr(cli_ranks, "Meeting", meet)
    monkeypatch.setattr(cli_ranks, "_gpus", lambda: 1)
    led = cli_ranks._leading(Ranks(0, 2, 0, 2, "127.0.0.1", 1))
    with pytest.raises(ConfigError, match="2 processes were started on a host with 1 GPU,"), led:
        pass
    assert cli_ranks._follow(Ranks(1, 2, 1, 2, "127.0.0.1", 1)) == 2
    assert slept == [cli_ranks.LATER_SECONDS]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("said", ["abc", "0", "-1", "nan", "inf"])
def test_what_is_no_time_to_wait_is_refused(monkeypatch, said):
    monkeypatch.setenv("LIGHTUNE_WAIT_SECONDS", said)
    with pytest.raises(ConfigError, match=f"LIGHTUNE_WAIT_SECONDS: .* not '{said}'"):
        wait_seconds()


@pytest.mark.parametrize(("said", "seconds"), [("", 600.0), ("0.5", 0.5)])
def test_how_long_processes_wait(monkeypatch, said, seconds):
    monkeypatch.setenv("LIGHTUNE_WAIT_SECONDS", said)
    assert wait_seconds() == seconds
