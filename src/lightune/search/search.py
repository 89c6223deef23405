"""The search: trials judged by validation, the winner trained in full and measured as an arm of a study."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lightune.arms import arm_kind
from lightune.catalogue import METHODS
from lightune.config import StudyConfig, config_to_dict
from lightune.data import load_splits
from lightune.disk import check_writable, told_of_the_disk
from lightune.errors import ConfigError, RunError
from lightune.progress import Progress, silent
from lightune.records import RunKey, Splits, StudyResult, to_json
from lightune.search.halving import Job, best_trial, next_job
from lightune.search.sampling import check_installed, propose
from lightune.search.space import Space, applied, default_space
from lightune.search.trial import Searched, Trial, read_search, write_search
from lightune.study import Event, Executor, StudyFolder, in_worker, run_study
from lightune.study.identity import check_same_study
from lightune.study.preflight import check_model, check_prompts, check_selection
from lightune.study.runs import read_record
from lightune.study.study import writing_study

if TYPE_CHECKING:
    from lightune.search.training import Trainings

RECORD, TRIALS = "search.json", "trials"


@dataclass(frozen=True)
class Settings:
    """What a search gave: its trials, the best of those trained in full, and the study that measures it."""

    searched: Searched
    winner: Trial
    config: StudyConfig


def run_search(
    config: StudyConfig,
    out: str | Path,
    trials: int = 20,
    space: Space | None = None,
    *,
    pruned: bool = True,
    on_event: Callable[[Event], None] | None = None,
    executor: Executor = in_worker,
) -> StudyResult:
    """`find_settings`, then the study in `out` with the best of them. Raises what both raise."""
    found = find_settings(config, out, trials, space, pruned=pruned)
    return run_study(found.config, out, on_event, executor)


def find_settings(
    config: StudyConfig,
    out: str | Path,
    trials: int = 20,
    space: Space | None = None,
    *,
    pruned: bool = True,
    on_trial: Callable[[Trial, Searched], None] | None = None,
    progress: Progress = silent,
) -> Settings:
    """Search for the settings of the study's first arm in `trials` trials, kept in the study's folder `out`.

    Trials are judged by `training.select_by` on validation alone; the test rows are not looked at. space: what is
    searched over; None: learning rate, rank and the head's rate. pruned: by successive halving; else each trial is
    trained in full. The same call again goes on, and one with more trials as long as the arm is not trained. on_trial:
    hears of each trial that came to a rung. Raises InputError, RunError where every trial diverged, and MachineError
    for a disk that takes no more.
    """
    _check(config, trials)
    folder = StudyFolder(Path(out).expanduser())
    check_same_study(folder, config)
    splits = load_splits(config.data)
    for check in (check_prompts, check_selection):
        check(config, splits)
    digest = check_model(config, splits)
    check_writable("--out", folder.root)
    folder.root.mkdir(parents=True, exist_ok=True)
    with told_of_the_disk(folder.root), writing_study(folder):
        searched = _Search(config, folder, splits, digest, trials, space, pruned, progress).run(on_trial)
        shutil.rmtree(folder.search / TRIALS, ignore_errors=True)
    winner = best_trial(searched.trials, len(searched.rungs), searched.selected_by == "loss")
    if winner is None:
        raise RunError(f"The training diverged in each of {trials} trials. Search among smaller learning rates.")
    chosen = applied(config, winner.values)
    methods = replace(chosen.methods, searched=len(searched.trials), rate_trials=0)
    return Settings(searched, winner, replace(chosen, methods=methods))


def _check(config: StudyConfig, trials: int) -> None:
    """Raise ConfigError for what cannot be searched."""
    check_installed()
    method = METHODS.get(config.arms[0])
    if method is None or not method.searchable:
        known = ", ".join(name for name, one in METHODS.items() if one.searchable)
        raise ConfigError(f"--method: one of {known} is expected, got {config.arms[0]!r}.")
    others = [arm for arm in config.arms[1:] if arm_kind(arm).trained]
    if others:
        raise ConfigError(
            f"--arms {others[0]}: arms that are not trained are expected beside the searched one, since its settings "
            "would be another's. Add it to the folder with lightune study afterwards."
        )
    if trials < 1:
        raise ConfigError(f"--trials: at least 1 is expected, got {trials}.")
    if config.data.folds is not None or config.curve.sizes or config.seeds != 1:
        raise ConfigError("lightune search: one test split, one seed and no curve are expected.")


class _Search:
    """The trials of one search, kept in the study's folder."""

    def __init__(
        self,
        config: StudyConfig,
        folder: StudyFolder,
        splits: Splits,
        digest: str | None,
        count: int,
        space: Space | None,
        pruned: bool,
        progress: Progress,
    ) -> None:
        self.config = config
        self.folder = folder
        self.splits = splits
        self.count = count
        self.space = space
        self.pruned = pruned
        self.progress = progress
        self.path = folder.search / RECORD
        # The other arms have no part in it.
        told = [config_to_dict(replace(config, arms=config.arms[:1])), splits.facts.fingerprint, digest, pruned]
        told.append(to_json(space) if space is not None else None)
        self.fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def run(self, on_trial: Callable[[Trial, Searched], None] | None) -> Searched:
        """Do what is not done yet."""
        searched = read_search(self.path)
        if searched is not None and searched.fingerprint != self.fingerprint:
            raise ConfigError(
                f"--out {self.folder.root}: it holds another search, of other rows, weights, options or values. Name "
                "another folder, or give the same options."
            )
        if searched is not None and self._next(searched) is None:
            return searched
        self._check_open()
        trainings = self._trainings()
        space = self.space or default_space(self.config, trainings.rate)
        searched = searched or Searched(self.fingerprint, trainings.selected_by, trainings.rungs)
        while (job := self._next(searched)) is not None:
            trials = searched.trials
            if job.number < len(trials):
                trial = trials[job.number]
            else:
                trial = Trial(job.number, propose(space, trials, self.config.seed, trainings.lower))
            score, seconds = trainings.train(trial.number, trial.values, job.rung)
            trial = replace(trial, scores=(*trial.scores, score), seconds=trial.seconds + seconds)
            searched = replace(searched, trials=(*trials[: job.number], trial, *trials[job.number + 1 :]))
            write_search(self.path, searched)
            if on_trial is not None:
                on_trial(trial, searched)
        return searched

    def _trainings(self) -> Trainings:
        """What trains the trials; it is handed the training and the validation rows alone."""
        # Here, since it loads torch and the model.
        from lightune.arms.base import ArmContext
        from lightune.search.training import Trainings

        facts, train = self.splits.facts, self.splits.train
        context = ArmContext(
            spec=self.config.arms[0],
            config=self.config,
            label_names=self.splits.label_names,
            positive_label=facts.positive_label,
            data_fingerprint=facts.fingerprint,
            seed=self.config.seed,
            train_size=len(train),
            scratch=self.folder.search / TRIALS,
            cache=self.folder.cache,
            progress=self.progress,
        )
        return Trainings(context, train, self.splits.validation, self.pruned)

    def _next(self, searched: Searched) -> Job | None:
        return next_job(searched.trials, self.count, len(searched.rungs), searched.selected_by == "loss")

    def _check_open(self) -> None:
        """Raise ConfigError where the arm is trained already: more trials could find another winner."""
        arm = self.config.arms[0]
        record = read_record(self.folder.run(RunKey(arm, len(self.splits.train), self.config.seed)))
        if record is not None and record.status == "done":
            raise ConfigError(
                f"--out {self.folder.root}: its arm {arm!r} is trained already, by what fewer trials or none have "
                "found. Name another folder for this search."
            )
