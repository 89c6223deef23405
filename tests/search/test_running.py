"""A search without any training: what is kept as it ends."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from lightune.errors import MachineError
from lightune.search import running
from lightune.search.address import address_of
from lightune.search.budget import Budget
from lightune.search.halving import next_job
from lightune.search.running import Run
from lightune.search.space import RATE, Between, Space
from lightune.search.spec import Facts, Outcome, Work
from lightune.search.store import TrialStore, opened
from lightune.search.trial import RUNNING, WAITING, Searched
from lightune.signals import Terminated

RUNGS = (10, 30, 90)
SPACE = Space((Between(RATE, 1e-4, 1e-2),), {RATE: 1e-3})
# Of these scores: there is no time for the next promotion, and for a new trial there would be.
MINUTES = 7.0


class Dice:
    """A crew of one that trains nothing: a step takes a second of `now`, and its scores are drawn."""

    size = 1

    def __init__(self, now: list[float]) -> None:
        self.now = now
        self.jobs: list[Work] = []

    def facts(self) -> Facts:
        return Facts(1e-3, RUNGS, "loss")

    def train(self, work: Work) -> None:
        self.jobs.append(work)

    def ended(self) -> Outcome:
        work = self.jobs[-1]
        steps = float(RUNGS[work.rung] - (RUNGS[work.rung - 1] if work.rung else 0))
        self.now[0] += steps
        return Outcome(work.number, random.Random(f"{work.number} {work.rung}").random(), steps)

    def close(self, at_once: bool) -> None: ...


def no_time_for_a_promotion(searched: Searched) -> bool:
    job = next_job(searched.trials, 10**6, len(RUNGS), searched.lower)
    return job is not None and job.rung > 0


@pytest.mark.full
def test_one_that_time_ended_is_done_where_the_next_trial_would_be_a_shorter_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(running.time, "monotonic", lambda: now[0])
    open_at_the_end: list[Searched] = []
    stock = running.ended

    def looked_at(store, searched, spent, within):
        open_at_the_end.append(searched)
        return stock(store, searched, spent, within)

    monkeypatch.setattr(running, "ended", looked_at)
    tmp_path.joinpath("search").mkdir()
    budget = Budget(minutes=MINUTES)
    with opened(address_of(tmp_path / "search", None, "out")) as store:
        store.begin(Searched("print", "loss", RUNGS))

        def search(within: Budget) -> tuple[Searched, int]:
            kept = store.read()
            assert kept is not None
            crew = Dice(now)
            return Run(store, kept, SPACE, within, 0, "lora").with_crew(crew, None), len(crew.jobs)

        found, jobs = search(budget)
        assert jobs > 1
        assert no_time_for_a_promotion(open_at_the_end[0])
        # Without that promotion a new trial would come next, and there would be time for it.
        assert budget.next(replace(found, within=None), found.spent) is not None
        assert search(budget) == (found, 0)
        assert search(Budget(minutes=MINUTES / 2)) == (found, 0)
        more, jobs = search(Budget(minutes=2 * MINUTES))
        assert jobs > 0
        assert len(more.trials) > len(found.trials)
        assert search(Budget(minutes=2 * MINUTES)) == (more, 0)


@pytest.mark.full
@pytest.mark.parametrize("name", ["begun", "claim", "scored"])
@pytest.mark.parametrize("after", [True, False])
def test_a_signal_beside_what_is_kept_leaves_no_trial_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, after: bool
) -> None:
    """Right before a trial is written or right after, when nothing else knows of it yet."""
    stock = getattr(TrialStore, name)

    def cut_off(self, *given):
        if after:
            stock(self, *given)
        raise Terminated

    tmp_path.joinpath("search").mkdir()
    with opened(address_of(tmp_path / "search", None, "out")) as store:
        store.begin(Searched("print", "loss", RUNGS))
        run = Run(store, read(store), SPACE, Budget(trials=9), 0, "lora")
        with monkeypatch.context() as patched:
            patched.setattr(TrialStore, name, cut_off)
            with pytest.raises(Terminated):
                run.with_crew(Dice([0.0]), None)
        left = read(store)
        assert RUNNING not in {trial.state for trial in left.trials}
        found = Run(store, left, SPACE, Budget(trials=9), 0, "lora").with_crew(Dice([0.0]), None)
        assert {RUNNING, WAITING}.isdisjoint(trial.state for trial in found.trials)


@pytest.mark.full
def test_a_trial_that_another_process_is_at_stays_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = TrialStore.begun

    def too_late(self, *given):
        stock(self, *given)
        raise MachineError("another process has added a trial")

    tmp_path.joinpath("search").mkdir()
    with opened(address_of(tmp_path / "search", None, "out")) as store:
        store.begin(Searched("print", "loss", RUNGS))
        monkeypatch.setattr(TrialStore, "begun", too_late)
        run = Run(store, read(store), SPACE, Budget(trials=9), 0, "lora")
        with pytest.raises(MachineError):
            run.with_crew(Dice([0.0]), None)
        assert [trial.state for trial in read(store).trials] == [RUNNING]


def read(store: TrialStore) -> Searched:
    kept = store.read()
    assert kept is not None
    return kept
