"""Searches killed at random moments until they are done: `python -m faults.searches [--short]`.

A search is killed again and again in a forked child of a warm process. Each trial must be kept once, what validation
said of it must stay, none may be left running in the end, and all must be as in a search that nothing interrupted
(1e-5). Of others with two workers the search and one of its workers are killed in turn while a trial is trained; a kill
that hit none is not counted. Which trials these draw depends on who is faster, so there each must come to an end, once.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soak.table import Line
from tests.fixtures.models import save_language_model
from tests.fixtures.reviews import make_reviews, write_csv

from faults.command import command
from faults.ladder import difference
from faults.processes import ended, forked, told
from lightune.config import NONE, AnalysisConfig, DataConfig, ModelConfig, StudyConfig, TrainingConfig
from lightune.search import Among, Place, find_settings
from lightune.search.space import HEAD, RANK, RATE

TRIALS, STEPS = 5, 9
SPACE = (Among(RATE, (1e-4, 1e-3, 1e-2)), Among(RANK, (2, 4)), Among(HEAD, (1.0,)))
# In a row without a search that is done, before it must be stuck.
MOST_TRIES = 60
# About as long as a trial is trained up to a rung, with two workers on two cores.
TRIAL_SECONDS = 2.0
# Of trials that a process is at.
AT_WORK = """
    select count(*) from trials join trial_user_attributes using (trial_id)
    where state = 'RUNNING' and key = 'holder' and value_json like ?
"""


@dataclass
class Killed:
    """What came of killing. lost: trials that were changed, doubled or lost. differing: searches whose outcome was not
    that of one that nothing interrupted."""

    kills: int = 0
    searches: int = 0
    lost: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    stuck: bool = False

    def line(self, title: str, wanted: int) -> Line:
        """For the table."""
        wrong = [*self.lost[:1], *self.differing[:1], *(["stuck"] if self.stuck else [])]
        seen = (
            f"{self.kills} SIGKILLs, {self.searches} searches of {TRIALS} trials finished: {len(self.lost)} trials "
            f"lost, doubled or left running, {len(self.differing)} outcomes differ{f'; {wrong[0]}' if wrong else ''}"
        )
        holds = not wrong and self.kills >= wanted and self.searches > 0
        return Line("searches", f"{title}: each trial kept once, none left running", seen, holds)


@dataclass(frozen=True)
class Small:
    """A search of a tiny model."""

    model: Path
    data: Path

    def find(self, out: Path, workers: int = 1) -> None:
        """Do it."""
        training = TrainingConfig(max_steps=STEPS, top_blocks=1)
        config = StudyConfig(
            ModelConfig(str(self.model)),
            DataConfig(str(self.data), validation_size=12),
            ("lora",),
            training,
            analysis=AnalysisConfig(behaviour=NONE),
        )
        find_settings(config, out, TRIALS, SPACE, place=Place(workers=workers))


def make_small(work: Path) -> Small:
    """Write the model and the reviews. It computes: call it in a child."""
    data = work / "reviews"
    data.mkdir(parents=True)
    write_csv(data / "train.csv", make_reviews(40))
    write_csv(data / "test.csv", make_reviews(12, seed=1))
    save_language_model(work / "model")
    return Small(work / "model", data)


def kept(out: Path) -> dict[str, Any]:
    """The trials, as optuna reads them: call it in a child."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{out}/search/trials.db"
    if not (out / "search" / "trials.db").exists() or not optuna.get_all_study_names(url):
        return {"trials": [], "best": None}
    trials = [
        {
            "number": trial.number,
            "values": trial.params,
            "looks": {str(step): score for step, score in trial.intermediate_values.items()},
            "state": trial.state.name,
            "tries": trial.user_attrs.get("tries", 0),
        }
        for trial in optuna.load_study(study_name="search", storage=url).get_trials(deepcopy=False)
    ]
    done = [one for one in trials if one["state"] == "COMPLETE"]
    return {"trials": trials, "best": min(done, key=lambda one: one["looks"][str(STEPS)])["values"] if done else None}


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is wrong with the trials after a try, knowing those before it."""
    numbers = [one["number"] for one in after["trials"]]
    wrong = [] if numbers == list(range(len(numbers))) else [f"the trials' numbers are {numbers}"]
    for old, new in zip(before["trials"], after["trials"], strict=False):
        if old["values"] != new["values"] or not old["looks"].items() <= new["looks"].items():
            wrong.append(f"trial {old['number']} was {old} and is {new}")
    return wrong if len(after["trials"]) >= len(before["trials"]) else [*wrong, "trials are gone"]


def unfinished(found: dict[str, Any]) -> list[str]:
    """The trials that did not come to an end in a search that is done."""
    left = [
        f"trial {one['number']}: {one['state']}" for one in found["trials"] if one["state"] in ("RUNNING", "WAITING")
    ]
    return left if len(found["trials"]) == TRIALS else [*left, f"{len(found['trials'])} trials"]


def hit(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a trial was left by a search that is gone, or a worker died at one."""
    deaths = [sum(one["tries"] for one in found["trials"]) for found in (before, after)]
    return deaths[1] > deaths[0] or any(one["state"] == "RUNNING" for one in after["trials"])


def kill_often(small: Small, work: Path, kills: int, rng: random.Random) -> Killed:
    """Kill searches in forked children so often; one that is done is compared, and another one begun."""
    work.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    if ended(forked(lambda: small.find(work / "whole"), work / "why.txt")):
        raise RuntimeError((work / "why.txt").read_text())
    takes = time.monotonic() - begun
    wanted = told(lambda: kept(work / "whole"), work)
    found, tries = Killed(), 0
    while found.kills < kills or not found.searches:
        out = work / f"out-{found.searches}"
        before = told(lambda o=out: kept(o), work)  # type: ignore[misc]
        child = forked(lambda o=out: small.find(o), work / "why.txt")  # type: ignore[misc]
        # The last search is left alone in the end.
        code = ended(child, rng.uniform(0, takes) if found.kills < kills else None)
        found.kills += code == -signal.SIGKILL
        if code > 0:
            raise RuntimeError((work / "why.txt").read_text())
        after = told(lambda o=out: kept(o), work)  # type: ignore[misc]
        found.lost += changed(before, after)
        tries += 1
        if code == 0:
            tries = 0
            found.searches += 1
            found.lost += unfinished(after)
            where = difference(after, wanted)
            found.differing += [] if where is None else [f"{out.name}{where}"]
        elif tries > MOST_TRIES:
            found.stuck = True
            break
    return found


def kill_crews(small: Small, work: Path, kills: int, rng: random.Random) -> Killed:
    """The same of searches with two workers: the search and one of them in turn."""
    work.mkdir(parents=True, exist_ok=True)
    found, tries = Killed(), 0
    while (found.kills < kills or not found.searches) and tries < MOST_TRIES:
        tries += 1
        out = work / f"out-{found.searches}"
        before = told(lambda o=out: kept(o), work)  # type: ignore[misc]
        child = forked(lambda o=out: small.find(o, workers=2), work / "why.txt")  # type: ignore[misc]
        wanted = found.kills < kills
        killed = wanted and _killed(child, out, rng.uniform(0, TRIAL_SECONDS), worker=found.kills % 2 == 1)
        code = ended(child)
        if code > 0:
            raise RuntimeError((work / "why.txt").read_text())
        after = told(lambda o=out: kept(o), work)  # type: ignore[misc]
        found.kills += killed and hit(before, after)
        found.lost += changed(before, after)
        if code == 0:
            found.searches += 1
            found.lost += unfinished(after)
    found.stuck = found.searches == 0
    return found


def _killed(search: int, out: Path, more: float, worker: bool) -> bool:
    """Kill a search, or one of its workers, so many seconds after a trial is being trained. Returns whether one was."""
    while not _at_work(out, search):
        if _zombie(search):
            return False
        time.sleep(0.02)
    time.sleep(more)
    there = _workers(search)
    if _zombie(search) or not there:
        return False
    os.kill(there[0] if worker else search, signal.SIGKILL)
    return True


def _at_work(out: Path, search: int) -> int:
    """How many trials are being trained, as the search in `out` has written down: by the process `search`, since one
    that was killed may have left some."""
    address = f"{(out / 'search' / 'trials.db').absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=1.0)) as found:
            return int(found.execute(AT_WORK, (f'%:{search}"',)).fetchone()[0])
    except sqlite3.Error:  # it is not there yet, or not whole
        return 0


def _zombie(pid: int) -> bool:
    """Whether a child has ended; it was not waited for yet."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _workers(parent: int) -> list[int]:
    """The workers that a command has started, and not waited for."""
    found = []
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return []
    for child in children:
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if b"lightune.search.worker" in words:
            found.append(int(child))
    return found


def run(work: Path, short: bool = False) -> list[Line]:
    """Kill in warm children, and the real command."""
    work.mkdir(parents=True, exist_ok=True)
    told(lambda: str(make_small(work)), work)
    small = Small(work / "model", work / "reviews")
    kills, crews = (5, 2) if short else (30, 10)
    alone = kill_often(small, work / "alone", kills, random.Random(0)).line("one process", kills)
    return [alone, kill_crews(small, work / "crews", crews, random.Random(1)).line("two workers", crews)]


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return command(__doc__, run, "5 kills, and 2 of a search with workers", argv)


if __name__ == "__main__":
    sys.exit(main())
