"""The trials of a search in one of optuna's storages, as optuna's own tools read them.

One process writes: the one that holds the study's folder. A trial that is being trained is RUNNING there, one that may
go on WAITING; what a process that was killed has left RUNNING is WAITING again when the search goes on.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote_plus

from lightune.errors import ConfigError, LightuneError, MachineError
from lightune.search.address import Address
from lightune.search.optunas import load_optuna, quiet_optuna
from lightune.search.trial import COMPLETE, FAILED, PRUNED, RUNNING, WAITING, Searched, Trial, Value

# Attributes of the study.
FINGERPRINT, SELECTED_BY, RUNGS, SPACE = "fingerprint", "selected_by", "rungs", "space"
SPENT, WITHIN = "spent_seconds", "ended_within_minutes"
# Attributes of a trial.
SECONDS, REASON, TRIES, HOLDER = "seconds", "reason", "tries", "holder"
# So long a file that others read or write is waited for.
LOCKED_SECONDS = 60.0


class TrialStore:
    """The trials of one search. Made by `opened`."""

    def __init__(self, storage: Any, address: Address) -> None:
        self._storage = storage
        self._address = address
        self._states = load_optuna().trial.TrialState
        self._study: int | None = self._found()
        # optuna's own ids, by the trials' numbers.
        self._ids: dict[int, int] = {}

    def read(self) -> Searched | None:
        """What is kept; None where no search was begun. Raises ConfigError for what another program has written."""
        if self._study is None:
            return None
        attributes = self._storage.get_study_user_attrs(self._study)
        if FINGERPRINT not in attributes and not self._trials():
            return None  # it was cut off as it began
        try:
            rungs = tuple(int(step) for step in attributes[RUNGS])
            trials = tuple(self._read(one, rungs) for one in self._trials())
            within = attributes.get(WITHIN)
            return Searched(
                str(attributes[FINGERPRINT]),
                str(attributes[SELECTED_BY]),
                rungs,
                trials,
                str(attributes[SPACE]),
                float(attributes.get(SPENT, 0.0)),
                None if within is None else float(within),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{self._address.shown}: its study {self._address.name!r} is none of lightune's. Name another folder."
            ) from error

    def begin(self, searched: Searched) -> None:
        """Keep a new search, which has no trials yet."""
        directions = load_optuna().study.StudyDirection
        self._address.bind()
        if self._study is None:
            direction = directions.MINIMIZE if searched.lower else directions.MAXIMIZE
            self._study = self._storage.create_new_study([direction], self._address.name)
        told = {
            SELECTED_BY: searched.selected_by,
            RUNGS: list(searched.rungs),
            SPACE: searched.space,
            FINGERPRINT: searched.fingerprint,
        }
        for name, value in told.items():
            self._storage.set_study_user_attr(self._study, name, value)

    def begun(self, number: int, values: Mapping[str, Value], distributions: Mapping[str, Any]) -> Trial:
        """Add a trial, RUNNING at once. Raises MachineError where somebody else has added one."""
        template = load_optuna().trial.create_trial(
            state=self._states.RUNNING,
            params=dict(values),
            distributions=dict(distributions),
            user_attrs={HOLDER: holder()},
        )
        own = self._storage.create_new_trial(self._study, template_trial=template)
        if self._storage.get_trial(own).number != number:
            self._storage.set_trial_state_values(own, self._states.FAIL)
            raise MachineError(f"{self._address.shown}: another process has added a trial to this search.")
        self._ids[number] = own
        return Trial(number, values, state=RUNNING)

    def claim(self, number: int) -> None:
        """Have a WAITING trial be RUNNING. Raises MachineError where somebody else was faster."""
        own = self._ids[number]
        if not self._storage.set_trial_state_values(own, self._states.RUNNING):
            raise MachineError(f"{self._address.shown}: another process is at trial {number} of this search.")
        self._storage.set_trial_user_attr(own, HOLDER, holder())

    def scored(self, trial: Trial, steps: tuple[int, ...], spent: float) -> None:
        """Keep what a trial has come to, and that it is not RUNNING any more. steps: those of all rungs. spent: as in
        `Searched`."""
        own = self._ids[trial.number]
        self._storage.set_trial_user_attr(own, SECONDS, trial.seconds)
        self.spent(spent)
        if trial.scores:
            self._storage.set_trial_intermediate_value(own, steps[len(trial.scores) - 1], trial.scores[-1])
        self.left(trial)

    def spent(self, seconds: float) -> None:
        """Keep how long the search took so far."""
        self._storage.set_study_user_attr(self._study, SPENT, seconds)

    def within(self, minutes: float) -> None:
        """Keep that so many minutes have ended the search."""
        self._storage.set_study_user_attr(self._study, WITHIN, minutes)

    def left(self, trial: Trial) -> None:
        """Keep the state that a trial is left in, and why."""
        own = self._ids[trial.number]
        if trial.tries:
            self._storage.set_trial_user_attr(own, TRIES, trial.tries)
        if trial.tries or trial.reason is not None:
            self._storage.set_trial_user_attr(own, REASON, trial.reason)
        values = [trial.scores[-1]] if trial.state in (COMPLETE, PRUNED) and trial.scores else None
        self._storage.set_trial_state_values(own, self._state(trial.state), values)

    def _found(self) -> int | None:
        with contextlib.suppress(KeyError):
            return int(self._storage.get_study_id_from_name(self._address.name))
        return None

    def _trials(self) -> list[Any]:
        found = sorted(self._storage.get_all_trials(self._study, deepcopy=False), key=lambda one: one.number)
        self._ids = {one.number: one._trial_id for one in found}
        return found

    def _read(self, kept: Any, rungs: tuple[int, ...]) -> Trial:
        looks, told = kept.intermediate_values, kept.user_attrs
        return Trial(
            kept.number,
            dict(kept.params),
            tuple(float(looks[step]) for step in rungs if step in looks),
            float(told.get(SECONDS, 0.0)),
            {self._state(state): state for state in (WAITING, RUNNING, COMPLETE, PRUNED, FAILED)}[kept.state],
            told.get(REASON),
            int(told.get(TRIES, 0)),
        )

    def _state(self, name: str) -> Any:
        states = self._states
        return {
            WAITING: states.WAITING,
            RUNNING: states.RUNNING,
            COMPLETE: states.COMPLETE,
            PRUNED: states.PRUNED,
            FAILED: states.FAIL,
        }[name]


@contextmanager
def opened(address: Address) -> Iterator[TrialStore]:
    """The trials at `address`, whose database is made where it is not there. Raises ConfigError where it cannot be
    opened, and MachineError where it takes no more later."""
    with quiet_optuna() as optuna:
        storage = _storage(optuna, address)
        try:
            with _told(optuna, address):
                yield TrialStore(storage, address)
        finally:
            storage.remove_session()
            storage.engine.dispose()


def holder() -> str:
    """This process, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _storage(optuna: Any, address: Address) -> Any:
    # A connection that nobody used through a long training may be gone: it is looked at first.
    options: dict[str, Any] = {"pool_pre_ping": True}
    if address.url.startswith("sqlite"):
        options = {"connect_args": {"timeout": LOCKED_SECONDS}}
    try:
        return optuna.storages.RDBStorage(address.url, engine_kwargs=options)
    except Exception as error:
        # Each driver has errors of its own, and which one it is is the user's.
        raise ConfigError(f"{_named(address)}: it cannot be opened ({_reason(error, address)}).") from error


@contextmanager
def _told(optuna: Any, address: Address) -> Iterator[None]:
    import sqlalchemy

    try:
        yield
    except LightuneError:
        raise
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        raise MachineError(
            f"{_named(address)}: the trials cannot be read or written ({_reason(error, address)}). The same command "
            "goes on from what is done."
        ) from error


def _named(address: Address) -> str:
    return f"--storage {address.shown}" if address.bound is not None else address.shown


def _reason(error: BaseException, address: Address) -> str:
    """What a driver says, in a line and without the password."""
    import sqlalchemy

    found: BaseException = error.__cause__ or error
    said = " ".join(str(getattr(found, "orig", None) or found).split())[:300]
    password = sqlalchemy.engine.make_url(address.url).password
    for secret in filter(None, (password, quote_plus(str(password or "")))):
        said = said.replace(str(secret), "***")
    return said
