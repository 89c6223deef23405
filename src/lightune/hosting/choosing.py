"""Which arms of which folders are held, and how they are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightune.artifacts import is_artifact
from lightune.errors import ConfigError
from lightune.inference import arm_of, arms_of, default_arm, find_artifact, study_of

REPORT = "report.html"


@dataclass(frozen=True)
class Chosen:
    """An arm's folder, the study's and the arm's name, and the study's report where it has one."""

    folder: Path
    study: str
    arm: str
    report: Path | None


def choose(folders: Sequence[Path], arms: Sequence[str] | None) -> dict[str, Chosen]:
    """The arms to hold by name, in order: `arm` where one study is held, else `study/arm`. Raises InputError."""
    taken: dict[str, Path] = {}
    chosen: list[Chosen] = []
    for folder in dict.fromkeys(Path(one).expanduser() for one in folders):
        found = [_lone(folder)] if folder.is_dir() and is_artifact(folder) else _of_study(folder, arms)
        study = _free(found[0].study, taken)
        taken[study] = folder
        chosen.extend(Chosen(one.folder, study, one.arm, one.report) for one in found)
    absent = [arm for arm in arms or () if arm not in {one.arm for one in chosen}]
    if absent:
        raise ConfigError(f"--arm {absent[0]}: no such arm here; there are {', '.join(_all_arms(folders))}.")
    several = len(taken) > 1
    return {f"{one.study}/{one.arm}" if several else one.arm: one for one in chosen}


def _lone(folder: Path) -> Chosen:
    found = find_artifact(folder)
    study = study_of(found)
    name = (study or found).resolve().name
    return Chosen(found, _plain(name), _plain(arm_of(found) or found.resolve().name), _report(study))


def _of_study(folder: Path, arms: Sequence[str] | None) -> list[Chosen]:
    """The arms of one study that are asked for. Raises InputError where there is none."""
    saved = arms_of(folder) if folder.is_dir() else []
    if not saved:
        find_artifact(folder)  # raises: it says what is wrong with the folder
    if arms is None:
        first = default_arm(folder)
        wanted = saved if first is None else [first, *(arm for arm in saved if arm != first)]
    else:
        wanted = [arm for arm in dict.fromkeys(arms) if arm in saved]
        if not wanted:
            raise ConfigError(f"--arm {','.join(arms)}: {folder} has {', '.join(saved)}.")
    study = _plain(folder.resolve().name)
    return [Chosen(folder / "arms" / arm, study, arm, _report(folder)) for arm in wanted]


def _report(study: Path | None) -> Path | None:
    return study / REPORT if study is not None and (study / REPORT).is_file() else None


def _plain(name: str) -> str:
    """A folder's name as a part of a model's name and of a web address."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "study"


def _free(name: str, taken: dict[str, Path]) -> str:
    if name not in taken:
        return name
    return next(f"{name}-{count}" for count in range(2, len(taken) + 3) if f"{name}-{count}" not in taken)


def _all_arms(folders: Sequence[Path]) -> list[str]:
    return sorted({arm for folder in folders for arm in arms_of(Path(folder).expanduser())})
