"""Which arms of which folders are held, and how they are called."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lightune.artifacts import is_artifact
from lightune.errors import ConfigError
from lightune.inference import arm_of, arms_of, default_arm, find_artifact, study_of

REPORT = "report.html"


@dataclass(frozen=True)
class Chosen:
    """An arm's folder, that of the study it is of (its own where it stands alone), their names, and the study's report
    where it has one."""

    folder: Path
    home: Path
    study: str
    arm: str
    report: Path | None


def choose(folders: Sequence[Path], arms: Sequence[str] | None) -> dict[str, Chosen]:
    """The arms to hold by name, in order: `arm` where one study is held, else `study/arm`. Raises InputError."""
    # By study, however its folder was written and whichever of its arms were named.
    studies: dict[Path, dict[Path, Chosen]] = {}
    for folder in (Path(one).expanduser() for one in folders):
        found = [_lone(folder)] if folder.is_dir() and is_artifact(folder) else _of_study(folder, arms)
        for one in found:
            studies.setdefault(one.home, {}).setdefault(one.folder.resolve(), one)
    named: dict[str, Chosen] = {}
    taken: set[str] = set()
    for chosen in studies.values():
        study_name = _free(next(iter(chosen.values())).study, taken)
        taken.add(study_name)
        for one in chosen.values():
            # Another seed of an arm is called as the arm is.
            arm = _free(one.arm, {other.arm for other in named.values() if other.study == study_name})
            name = f"{study_name}/{arm}" if len(studies) > 1 else arm
            named[name] = replace(one, study=study_name, arm=arm)
    return named


def _lone(folder: Path) -> Chosen:
    found = find_artifact(folder)
    study = study_of(found)
    home = (study or found).resolve()
    return Chosen(found, home, _plain(home.name), _plain(arm_of(found) or found.resolve().name), _report(study))


def _of_study(folder: Path, arms: Sequence[str] | None) -> list[Chosen]:
    """The arms of one study that are asked for. Raises InputError where there is none."""
    saved = arms_of(folder) if folder.is_dir() else []
    if not saved:
        find_artifact(folder)  # raises: it says what is wrong with the folder
    if arms is None:
        first = default_arm(folder)
        wanted = saved if first is None else [first, *(arm for arm in saved if arm != first)]
    else:
        wanted = list(dict.fromkeys(arms))
        absent = [arm for arm in wanted if arm not in saved]
        if absent:
            raise ConfigError(f"--arm {absent[0]}: {folder} has {', '.join(saved)}.")
    home = folder.resolve()
    return [Chosen(folder / "arms" / arm, home, _plain(home.name), arm, _report(folder)) for arm in wanted]


def _report(study: Path | None) -> Path | None:
    return study / REPORT if study is not None and (study / REPORT).is_file() else None


def _plain(name: str) -> str:
    """A folder's name as a part of a model's name and of a web address."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "study"


def _free(name: str, taken: Collection[str]) -> str:
    if name not in taken:
        return name
    return next(f"{name}-{count}" for count in range(2, len(taken) + 3) if f"{name}-{count}" not in taken)
