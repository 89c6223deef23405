"""The estimate of a whole study: each arm rehearsed, its runs predicted from that, and their sum."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lightune.arms import arm_kind, settled
from lightune.arms.rate_search import rate_trials
from lightune.behaviour import load_suite, texts, why_not
from lightune.config import NONE, StudyConfig
from lightune.data import load_splits
from lightune.records import ArmEstimate, RunEstimate, RunKey, Splits, StudyEstimate
from lightune.runtime import available_memory_bytes
from lightune.study.chosen import why_too_big
from lightune.study.estimating.asking import TRAINED, ask, kind_of
from lightune.study.estimating.certifying import certificate_seconds, questions_seconds
from lightune.study.estimating.costs import Told
from lightune.study.estimating.processes import Rehearse, in_new_process
from lightune.study.estimating.reading import Reading, read
from lightune.study.handover import write_splits
from lightune.study.plan import PlannedRun, is_kept, plan_runs
from lightune.study.portion import portion
from lightune.study.preflight import preflight


def estimate_study(
    config: StudyConfig, say: Callable[[str], None] | None = None, rehearse: Rehearse = in_new_process
) -> StudyEstimate:
    """Predict what every run of `config` will take on this machine; runs none of them and writes nothing but scratch
    files that are gone when it returns.

    say: hears which arm is tried. Raises InputError, as `run_study` does.
    """
    start = time.perf_counter()
    config = replace(config, arms=tuple(settled(arm) for arm in config.arms))
    splits = load_splits(config.data)
    preflight(config, splits)
    begun = time.perf_counter() - start  # as the study will
    reading = read(config, splits) if any(arm_kind(arm).needs_model for arm in config.arms) else Reading(None)
    runs = plan_runs(config, splits)
    free = available_memory_bytes()
    found: list[tuple[ArmEstimate, Told | None]] = []
    with tempfile.TemporaryDirectory() as scratch:
        write_splits(Path(scratch), splits)
        for arm in config.arms:
            if say is not None:
                say(arm_kind(arm).name)
            own = [run for run in runs if run.arm == arm]
            found.append(_arm(config, splits, own, reading, Path(scratch), rehearse))
    arms = tuple(arm for arm, _ in found)
    behaviour = _behaviour_seconds(config, splits, [told for _, told in found if told is not None])
    return StudyEstimate(
        arms=arms,
        seconds=begun + behaviour + sum(arm.seconds for arm in arms),
        begun_seconds=begun,
        behaviour_seconds=behaviour,
        peak_memory_bytes=max((arm.run.peak_memory_bytes for arm in arms if arm.run is not None), default=0),
        free_memory_bytes=free,
        took_seconds=time.perf_counter() - start,
        splits={name: split.rows for name, split in splits.facts.splits.items()},
        notes=tuple(_notes(config)),
    )


def _arm(
    config: StudyConfig,
    splits: Splits,
    runs: Sequence[PlannedRun],
    reading: Reading,
    scratch: Path,
    rehearse: Rehearse,
) -> tuple[ArmEstimate, Told | None]:
    first = runs[0]
    kind = arm_kind(first.arm)
    if kind.file is not None:
        return ArmEstimate(kind.name, len(runs), RunEstimate(0.0, 0.0, 0, 0.0), 0.0), None
    reason = why_too_big(config, splits, first.arm)
    if reason is None:
        asked = ask(config, splits, first.arm, first.key, reading, scratch)
        seen = rehearse(asked.spec)
        reason = seen.reason
    if reason is not None:
        return ArmEstimate(kind.name, len(runs), None, 0.0, reason), None
    told = Told(config, reading, asked, seen)
    # Runs of one size differ by their seed alone, which hardly changes what they take.
    by_size: dict[tuple[int, bool], RunEstimate] = {}
    seconds = 0.0
    for run in runs:
        kept = is_kept(run, config, len(splits.train))
        size = (run.key.train_size, kept)
        if size not in by_size:
            by_size[size] = _run(told, splits, run.key, kept)
        seconds += by_size[size].seconds
    return ArmEstimate(kind.name, len(runs), next(iter(by_size.values())), seconds), told


def _run(told: Told, splits: Splits, key: RunKey, kept: bool) -> RunEstimate:
    seen = portion(splits, told.config, key)
    speed = told.answer_speed()
    fit = told.fit_seconds(seen, key.seed)
    predict = speed.seconds(told.work(seen.test))
    others = sum(speed.seconds(told.work(rows)) for rows in (seen.validation, *seen.extra.values()))
    loading = max(told.last.wall - told.last.seconds, 0.0)
    saving = certificate_seconds(told, seen, loading) if kept else 0.0
    return RunEstimate(
        fit_seconds=fit,
        predict_seconds=predict,
        peak_memory_bytes=told.peak_bytes(seen, key.seed),
        seconds=told.seen.startup + loading + fit + predict + others + saving,
    )


def _behaviour_seconds(config: StudyConfig, splits: Splits, arms: Sequence[Told]) -> float:
    """Of asking each arm's artefact the cases of the suite."""
    asked = config.analysis.behaviour
    if asked == NONE:
        return 0.0
    suite = load_suite(Path(asked) if asked is not None else None)
    if why_not(suite, splits.label_names, splits.test.texts) is not None:
        return 0.0
    return sum(questions_seconds(told, texts(suite)) for told in arms)


def _notes(config: StudyConfig) -> list[str]:
    notes = []
    if any(kind_of(arm) == TRAINED for arm in config.arms):
        if config.training.patience:
            notes.append(
                f"Trainings are counted to their last step; one that stops early (--patience "
                f"{config.training.patience}) takes less."
            )
        if rate_trials(config):
            notes.append("A search for the learning rate tries one rate more where the best stands at an end.")
    notes.append("Other work on this machine at the same time makes runs slower than this.")
    return notes
