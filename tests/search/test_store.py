"""Trials in optuna's storage: as its own tools read them, and what is refused."""

from __future__ import annotations

import math
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from lightune.config import StudyConfig
from lightune.errors import ConfigError, MachineError
from lightune.search.address import Address, address_of
from lightune.search.running import ended, recovered
from lightune.search.sampling import distributions
from lightune.search.space import RATE, default_space
from lightune.search.store import TrialStore, opened
from lightune.search.trial import COMPLETE, FAILED, PRUNED, RUNNING, Searched, Trial

SPACE = default_space(StudyConfig(arms=("lora",)), 5e-4)
NEW = Searched("print", "loss", (1, 3, 9), space="what there is")


def place(tmp_path: Path) -> Address:
    folder = tmp_path / "search"
    folder.mkdir(exist_ok=True)
    return address_of(folder, None, "out")


def begun(store: TrialStore, number: int) -> Trial:
    return store.begun(number, SPACE.first, distributions(SPACE, SPACE.first, "lora"))


def scored(store: TrialStore, trial: Trial, *scores: float, state: str) -> Trial:
    for at in range(1, len(scores) + 1):
        trial = replace(trial, scores=scores[:at], seconds=float(at), state=state if at == len(scores) else RUNNING)
        store.scored(trial, NEW.rungs, float(at))
    return trial


def stock(address: Address) -> optuna.Study:
    return optuna.load_study(study_name=address.name, storage=address.url)


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What optuna's own tools leave open is theirs."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_what_is_kept_comes_back_and_optuna_reads_it(tmp_path: Path) -> None:
    address = place(tmp_path)
    with opened(address) as store:
        assert store.read() is None
        store.begin(NEW)
        kept = [
            scored(store, begun(store, 0), 0.5, 0.4, 0.30000000000000004, state=COMPLETE),
            scored(store, begun(store, 1), 0.7, state="waiting"),
            scored(store, begun(store, 2), math.nan, state=FAILED),
            scored(store, begun(store, 3), 0.6, 0.1 + 0.2, 0.2, state=COMPLETE),
        ]
    with opened(address) as store:
        read = store.read()
        assert read is not None
        assert repr(read.trials[0]) == repr(kept[0])
        assert repr(read.trials[3]) == repr(kept[3])
        assert (read.fingerprint, read.rungs, read.space, read.spent) == ("print", (1, 3, 9), "what there is", 3.0)
        done = ended(store, read, 7.5, 2.0)
        assert [trial.state for trial in done.trials] == [COMPLETE, PRUNED, FAILED, COMPLETE]
        assert (done.spent, done.within) == (7.5, 2.0)
    with opened(address) as store:
        again = store.read()
        assert again is not None
        assert repr(again) == repr(done)
    study = stock(address)
    assert study.best_trial.number == 3
    assert study.best_trial.params == SPACE.first
    assert study.best_value == 0.2
    frame = study.trials_dataframe()
    assert list(frame["state"]) == ["COMPLETE", "PRUNED", "FAIL", "COMPLETE"]
    assert f"params_{RATE}" in frame
    assert study.trials[3].intermediate_values == {1: 0.6, 3: 0.1 + 0.2, 9: 0.2}
    assert study.trials[1].value == 0.7


@pytest.mark.full
def test_what_a_killed_process_left_running_is_done_again(tmp_path: Path) -> None:
    address = place(tmp_path)
    with opened(address) as store:
        store.begin(NEW)
        begun(store, 0)
        scored(store, begun(store, 1), 0.5, state=RUNNING)
        scored(store, begun(store, 2), 0.5, 0.4, 0.3, state=RUNNING)
        scored(store, begun(store, 3), math.nan, state=RUNNING)
    with opened(address) as store:
        read = store.read()
        assert read is not None
        found = recovered(store, read)
        assert [trial.state for trial in found.trials] == ["waiting", "waiting", COMPLETE, FAILED]
        again = store.read()
        assert repr(again) == repr(found)
        store.claim(1)
        with pytest.raises(MachineError, match="another process is at trial 1"):
            store.claim(1)


@pytest.mark.full
def test_two_who_begin_the_same_trial_find_out(tmp_path: Path) -> None:
    address = place(tmp_path)
    with opened(address) as one, opened(address) as other:
        one.begin(NEW)
        assert other.read() is None  # it looked before
        with opened(address) as late:
            assert late.read() is not None
            begun(one, 0)
            with pytest.raises(MachineError, match="another process has added a trial"):
                begun(late, 0)


@pytest.mark.full
def test_a_search_that_was_cut_off_as_it_began_is_none(tmp_path: Path) -> None:
    address = place(tmp_path)
    optuna.create_study(study_name=address.name, storage=address.url)._storage.remove_session()
    with opened(address) as store:
        assert store.read() is None
        store.begin(NEW)
        assert store.read() == NEW


def damaged(address: Address) -> str:
    Path(address.shown).write_text("this is no database, whoever wrote it")
    return "it cannot be opened"


def strange(address: Address) -> str:
    study = optuna.create_study(study_name=address.name, storage=address.url)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    return "its study 'search' is none of lightune's"


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
@pytest.mark.parametrize("harm", [damaged, strange])
def test_what_is_no_search_is_told(tmp_path: Path, harm: Callable[[Address], str]) -> None:
    address = place(tmp_path)
    said = harm(address)
    with pytest.raises(ConfigError, match=said), opened(address) as store:
        store.read()


@pytest.mark.full
def test_a_database_that_takes_no_more_is_the_machines_fault(tmp_path: Path) -> None:
    address = place(tmp_path)
    with opened(address) as store:
        store.begin(NEW)
    with closing(sqlite3.connect(address.shown)) as other:
        full = "begin select raise(abort, 'database or disk is full'); end"
        other.execute(f"create trigger full before insert on trials {full}")
    said = r"trials\.db: the trials cannot be read or written \(database or disk is full\)\. The same command goes on"
    with pytest.raises(MachineError, match=said), opened(address) as store:
        begun(store, 0)


def test_an_old_searchs_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "search.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"search/search\.json was written by an earlier version"):
        address_of(tmp_path, None, "out")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url", "--storage: a database's URL is expected"),
        ("nodatabase://u:secret@h/x", "--storage: a database's URL is expected"),
        (
            "oracle://u:secret@127.0.0.1/x?password=secret",
            r"--storage oracle://u:\*\*\*@127.0.0.1/x: the package \w+ is",
        ),
        ("sqlite://", "--storage: an SQLite file is expected, .*; one in memory would be gone"),
        ("sqlite:///:memory:", "--storage: an SQLite file is expected"),
        ("sqlite:///file::memory:?cache=shared&uri=true", "--storage: an SQLite file is expected"),
        ("sqlite:///file:x?mode=memory&uri=true", "--storage: an SQLite file is expected"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        address_of(tmp_path, url, "out")
    assert "secret" not in str(raised.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.full
def test_where_nobody_answers_it_is_said_without_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

    monkeypatch.setattr(PGDialect_psycopg2, "import_dbapi", classmethod(lambda cls: sqlite3))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match=f"nobody answers at 127.0.0.1, port {port}") as raised:
        address_of(tmp_path, f"postgresql+psycopg2://u:secret@127.0.0.1:{port}/x", "out")
    assert "secret" not in str(raised.value)


def test_a_relative_file_is_the_same_one_wherever_the_command_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = address_of(tmp_path / "search", "sqlite:///trials.db?timeout=9", "out")
    address.bind()
    assert address.shown == f"sqlite:///{tmp_path}/trials.db"
    assert address.url == f"{address.shown}?timeout=9"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert not address_of(tmp_path / "search", address.shown, "out").new
    with pytest.raises(ConfigError, match=f"this folder's trials are at {address.shown}"):
        address_of(tmp_path / "search", "sqlite:///trials.db", "out")


@pytest.mark.full
def test_a_folder_knows_where_its_trials_are(tmp_path: Path) -> None:
    url, other = (f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "other"))
    folder = tmp_path / "search"
    folder.mkdir()
    address = address_of(folder, url, "out")
    assert address.new
    with opened(address) as store:
        store.begin(NEW)
    again = address_of(folder, url, "out")
    assert (again.name, again.new) == (address.name, False)
    assert address.name.startswith("out-")
    with pytest.raises(ConfigError, match=r"its trials are at sqlite:.*one\.db\. Give that with --storage"):
        address_of(folder, None, "out")
    with pytest.raises(ConfigError, match=r"this folder's trials are at sqlite:.*one\.db"):
        address_of(folder, other, "out")
    # Another folder's search stands beside it, under a name of its own.
    assert address_of(tmp_path / "elsewhere", url, "out").name != address.name
