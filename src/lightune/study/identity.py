"""Whether a folder may go on with a study: same question, more of it; never another one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lightune.arms import arm_kind
from lightune.config import CurveConfig, StudyConfig, arm_name, config_from_yaml, config_to_dict
from lightune.errors import ConfigError
from lightune.records import RunKey, RunRecord
from lightune.study.folder import StudyFolder
from lightune.study.plan import PlannedRun
from lightune.study.runs import PREDICTIONS, read_record


def run_fingerprint(config: StudyConfig, arm: str, key: RunKey, data: str, model: str | None) -> str:
    """SHA-256 of all that a run's outcome depends on: data, model, its weights' digest, the arm's settings, its key.

    arm: as it was asked for.
    """
    values = config_to_dict(config)
    kind = arm_kind(arm)
    told = {
        "key": [key.arm, key.train_size, key.seed],
        "data": data,
        "model": {**values["model"], "digest": model} if kind.needs_model else None,
        "settings": kind.settings(values),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def check_same_study(folder: StudyFolder, config: StudyConfig) -> StudyConfig:
    """Return `config` with the arms that `folder` already has put first.

    Raises ConfigError when the folder holds something else, or a study of another model, data, split or cut.
    """
    above = next(path for path in (folder.root, *folder.root.absolute().parents) if path.exists())
    if not above.is_dir() and above != folder.root:
        raise ConfigError(f"--out {folder.root}: a folder is expected, but {above} is a file. Name another folder.")
    if not folder.root.exists():
        return config
    if not folder.root.is_dir():
        raise ConfigError(f"--out {folder.root}: a folder is expected, but it is a file. Name another one.")
    if not folder.config.exists():
        own = (folder.lock, folder.lock_holder, folder.cache, folder.search)
        there = [path for path in folder.root.iterdir() if path not in own]
        # What a process that was killed has left half written is swept away by whoever holds the lock.
        strangers = [path.name for path in there if not path.match(".*.partial")]
        if strangers:
            raise ConfigError(
                f"--out {folder.root}: an empty or new folder, or a study's, is expected, but it holds "
                f"{strangers[0]!r}. Name another folder."
            )
        return config
    try:
        before = config_from_yaml(folder.config.read_text(encoding="utf-8"))
    except (ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"--out {folder.root}: its config.yaml is damaged. Name another folder. ({error})") from error
    for option, old, new in _differences(before, config):
        raise ConfigError(
            f"--out {folder.root}: it holds another study, with {option} {old}, and this one has {new}. Name "
            "another folder, or give the same options."
        )
    return replace(
        config,
        arms=_merged(folder, before.arms, config.arms),
        seeds=max(before.seeds, config.seeds),
        curve=_merged_curve(before, config),
    )


def _merged(folder: StudyFolder, before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    """The arms of both. Raises ConfigError where the same NAME stands for two files."""
    files = {arm_name(arm): arm for arm in before}
    for arm in now:
        if files.get(arm_name(arm), arm) != arm:
            raise ConfigError(
                f"--out {folder.root}: its arm {arm_name(arm)!r} was read from another file "
                f"({files[arm_name(arm)].partition('=')[2]}). Give these predictions another name."
            )
    return tuple(dict.fromkeys((*before, *now)))


def _merged_curve(before: StudyConfig, now: StudyConfig) -> CurveConfig:
    """The points, arms and seeds of both curves; all arms, where either is of all."""
    old, new = before.curve, now.curve
    if not (old.sizes and new.sizes):
        return new if new.sizes else old
    both = None if old.arms is None or new.arms is None else tuple(dict.fromkeys((*old.arms, *new.arms)))
    return CurveConfig(tuple(sorted({*old.sizes, *new.sizes})), both, max(old.seeds, new.seeds))


def check_same_runs(folder: StudyFolder, fingerprints: Mapping[PlannedRun, str]) -> dict[RunKey, RunRecord]:
    """Return the records of the runs that are done. Raises ConfigError for one that was made from something else."""
    done = {}
    for run, fingerprint in fingerprints.items():
        key = run.key
        record = read_record(folder.run(key))
        if record is None or record.status != "done" or not _has_predictions(folder, key):
            continue
        if record.fingerprint != fingerprint:
            raise ConfigError(
                f"--out {folder.root}: its arm {key.arm!r} (seed {key.seed}) was made with other settings, other "
                "weights or other texts than these. Name another folder, or give the same options."
            )
        done[key] = record
    return done


def _has_predictions(folder: StudyFolder, key: RunKey) -> bool:
    """Whether what a run predicted can be read: without it the run is done again."""
    try:
        pq.read_metadata(folder.run(key) / PREDICTIONS)
    except (OSError, pa.ArrowException):
        return False
    return True


def _differences(before: StudyConfig, now: StudyConfig) -> Iterator[tuple[str, Any, Any]]:
    old, new = config_to_dict(before), config_to_dict(now)
    pairs: Sequence[tuple[str, Any, Any]] = [
        *((f"model.{name}", value, new["model"][name]) for name, value in old["model"].items()),
        *((f"data.{name}", value, new["data"][name]) for name, value in old["data"].items()),
        ("seed", old["seed"], new["seed"]),
        ("keep_texts", old["keep_texts"], new["keep_texts"]),
    ]
    return ((name, one, other) for name, one, other in pairs if one != other)
