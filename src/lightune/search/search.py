"""The search: trials judged by validation, the winner trained in full and measured as an arm of a study."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightune.config import StudyConfig, config_to_dict
from lightune.data import load_splits
from lightune.disk import check_writable, told_of_the_disk
from lightune.errors import ConfigError, RunError
from lightune.progress import Progress, silent
from lightune.records import Splits, StudyResult, to_json
from lightune.search.address import Address, address_of
from lightune.search.budget import Budget
from lightune.search.checking import HERE, RAY, Place, check_search, checked_space, choices
from lightune.search.crew import Crew, InThisProcess, OnThisMachine
from lightune.search.halving import best_trial
from lightune.search.on_ray import OnRay, connected
from lightune.search.running import OnTrial, Run, ended, recovered
from lightune.search.space import METHOD, Among, Between, Space, applied, default_space
from lightune.search.spec import TrialsSpec, hand_over, made
from lightune.search.store import TrialStore, opened
from lightune.search.study_arm import StudyArm
from lightune.search.trial import Searched, Trial
from lightune.study import Event, Executor, StudyFolder, in_worker, run_study
from lightune.study.identity import check_same_study
from lightune.study.preflight import check_prompts, check_selection
from lightune.study.study import writing_study

if TYPE_CHECKING:
    from lightune.search.training import Trainings

# Below the search's folder: what trials go on from, and what processes are told. Gone at the end.
SCRATCH, HANDED = "trials", "handed"


@dataclass(frozen=True)
class Settings:
    """What a search gave: its trials, the best of those trained in full, and the study that measures it."""

    searched: Searched
    winner: Trial
    config: StudyConfig


def run_search(
    config: StudyConfig,
    out: str | Path,
    trials: int | None = None,
    space: Space | Sequence[Between | Among] = (),
    *,
    minutes: float | None = None,
    place: Place = HERE,
    pruned: bool = True,
    on_event: Callable[[Event], None] | None = None,
    executor: Executor = in_worker,
) -> StudyResult:
    """`find_settings`, then the study in `out` with the best of them. Raises what both raise."""
    found = find_settings(config, out, trials, space, minutes=minutes, place=place, pruned=pruned)
    return run_study(found.config, out, on_event, executor)


def find_settings(
    config: StudyConfig,
    out: str | Path,
    trials: int | None = None,
    space: Space | Sequence[Between | Among] = (),
    *,
    minutes: float | None = None,
    place: Place = HERE,
    pruned: bool = True,
    on_trial: OnTrial | None = None,
    progress: Progress = silent,
) -> Settings:
    """Search for the settings of the study's first arm, and keep the trials as a study of optuna's in the folder `out`.

    Trials are judged by `training.select_by` on validation alone; the test rows are not looked at. trials: how many;
    minutes: of all calls together, with time for the winner's training; 20 trials where neither is given. space:
    what is searched over; dimensions alone stand in the place of the usual ones (learning rate, rank and the head's
    rate), or beside them. pruned: by successive halving; else each trial is trained in full. on_trial: hears of each
    trial that came to a rung or failed.

    The same call again goes on, and one with more trials or minutes as long as the arm is not trained. With one worker
    the same call gives the same trials; with several, what is drawn depends on which of them is done first. Raises
    InputError, RunError where no trial could be trained, and MachineError for a disk or a database that takes no more.
    """
    budget = Budget(trials, minutes)
    check_search(config, budget, place)
    folder = StudyFolder(Path(out).expanduser())
    check_same_study(folder, config)
    splits = load_splits(config.data)
    for check in (check_prompts, check_selection):
        check(config, splits)
    space, digest = checked_space(config, space, splits)
    address = address_of(folder.search, place.storage, folder.root.absolute().name)
    check_writable("--out", folder.root)
    search = _Search(config, folder, splits, digest, space, pruned, place, progress)
    with ExitStack() as stack:
        # What is wrong with a cluster or a database is to be said before anything is written.
        if address.new and place.executor == RAY:
            stack.enter_context(connected(place.address, place.workers))
        if address.new and place.storage is not None:
            with opened(address):
                pass
        folder.search.mkdir(parents=True, exist_ok=True)
        stack.enter_context(told_of_the_disk(folder.root))
        stack.enter_context(writing_study(folder))
        return search.settings(address, budget, on_trial)


def _settings(config: StudyConfig, searched: Searched) -> Settings:
    winner = best_trial(searched.trials, len(searched.rungs), searched.lower)
    count = len(searched.trials)
    if winner is None:
        if all(trial.diverged for trial in searched.trials):
            raise RunError(f"The training diverged in each of {count} trials. Search among smaller learning rates.")
        reason = next(trial.reason for trial in searched.trials if trial.reason and not trial.diverged)
        raise RunError(f"None of {count} trials could be trained. Of one it was said: {reason}")
    chosen = applied(config, winner.values)
    methods = replace(chosen.methods, searched=count, searched_over=searched.space, rate_trials=0)
    return Settings(searched, winner, replace(chosen, methods=methods))


class _Search:
    """The trials of one search, kept in the study's folder or a database that it names."""

    def __init__(
        self,
        config: StudyConfig,
        folder: StudyFolder,
        splits: Splits,
        digest: str | None,
        space: Space | tuple[Between | Among, ...],
        pruned: bool,
        place: Place,
        progress: Progress,
    ) -> None:
        self.place = place
        self.config = config
        self.folder = folder
        self.splits = splits
        self.space = space
        self.progress = progress
        facts = splits.facts
        self.spec = TrialsSpec(
            config=config,
            label_names=splits.label_names,
            positive_label=facts.positive_label,
            fingerprint=facts.fingerprint,
            train_size=len(splits.train),
            scratch=str((folder.search / SCRATCH).absolute()),
            cache=str(folder.cache.absolute()),
            pruned=pruned,
            digest=digest,
        )
        methods = [str(method) for method in choices(config, space, METHOD)]
        self.arm = StudyArm(folder, methods, len(splits.train), config.seed)
        # The other arms have no part in it.
        told: list[Any] = [config_to_dict(replace(config, arms=config.arms[:1])), facts.fingerprint, digest, pruned]
        told.append(to_json(space) if isinstance(space, Space) else [to_json(one) for one in space])
        self.fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def settings(self, address: Address, budget: Budget, on_trial: OnTrial | None) -> Settings:
        """`run`; then have the study be about the winner, and leave nothing that was for the trials alone."""
        searched = self.run(address, budget, on_trial)
        for own in (SCRATCH, HANDED):  # also what a process that was killed has left
            shutil.rmtree(self.folder.search / own, ignore_errors=True)
        found = _settings(self.config, searched)
        self.arm.take_place(found.config.arms[0])
        return found

    def run(self, address: Address, budget: Budget, on_trial: OnTrial | None) -> Searched:
        """Do what is not done yet."""
        with opened(address) as store:
            searched = store.read()
            if searched is not None:
                self._check_same(searched)
                searched = recovered(store, searched)
                if budget.next(searched, searched.spent) is None:
                    return ended(store, searched, searched.spent, budget.within(searched))
            self.arm.check_open()
            (self.folder.search / SCRATCH).mkdir(exist_ok=True)
            with self._crew() as crew:
                return self._with_crew(store, searched, crew, budget, on_trial)

    def _with_crew(
        self, store: TrialStore, searched: Searched | None, crew: Crew, budget: Budget, on_trial: OnTrial | None
    ) -> Searched:
        facts = crew.facts()
        space = self.space if isinstance(self.space, Space) else default_space(self.config, facts.rate, self.space)
        if searched is None:
            searched = Searched(self.fingerprint, facts.selected_by, facts.rungs, space=space.words)
            store.begin(searched)
        run = Run(store, searched, space, budget, self.config.seed, self.config.arms[0])
        return run.with_crew(crew, on_trial)

    @contextmanager
    def _crew(self) -> Iterator[Crew]:
        """Who trains. Where others do, they are handed the training and the validation rows alone."""
        place, handed = self.place, (self.folder.search / HANDED).absolute()
        with ExitStack() as stack:
            # No text is to stay there, however this ends, and whatever comes before it has begun.
            stack.callback(shutil.rmtree, handed, ignore_errors=True)
            crew: Crew
            if place.executor == RAY:
                ray = stack.enter_context(connected(place.address, place.workers))
                hand_over(handed, self.spec, self.splits)
                crew = OnRay(ray, handed, place.workers)
            elif place.workers > 1:
                hand_over(handed, self.spec, self.splits)
                crew = OnThisMachine(handed, place.workers, self.folder.search)
            else:
                crew = InThisProcess(self._trainings)
            try:
                yield crew
            except BaseException:
                crew.close(at_once=True)
                raise
            crew.close(at_once=False)

    def _trainings(self) -> Trainings:
        return made(self.spec, self.splits.train, self.splits.validation, self.progress)

    def _check_same(self, searched: Searched) -> None:
        if searched.fingerprint != self.fingerprint:
            raise ConfigError(
                f"--out {self.folder.root}: it holds another search, of other rows, weights, options or values. Name "
                "another folder, or give the same options."
            )
