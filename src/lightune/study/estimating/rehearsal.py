"""One arm tried on a few rows in a process of its own: what it took, as the process saw it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cattrs

from lightune.arms import make_arm
from lightune.config import StudyConfig
from lightune.records import Plan, Rows, RunKey, Splits, dumps
from lightune.runtime import forget_peak_memory, peak_memory_bytes, seed_everything
from lightune.study.chosen import context_of
from lightune.study.handover import read_splits
from lightune.study.portion import portion
from lightune.whole import write_whole

if TYPE_CHECKING:
    from lightune.arms.base import Fitted

# What an arm tells of while it is fitted.
STEP, LOOK, FEATURES, TRUNK = "step", "look", "features", "trunk"


@dataclass(frozen=True)
class RehearsalSpec:
    """What to try. config: the study's, with the settings of a rehearsal. data: where the study's splits lie. fits:
    (rows of train, rows of validation) of each fitting, the last one answers. answers: rows of test. asked: when, in
    seconds since the epoch."""

    config: StudyConfig
    arm: str
    key: RunKey
    data: str
    scratch: str
    fits: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    answers: tuple[tuple[int, ...], ...]
    asked: float


@dataclass(frozen=True)
class Mark:
    """Something that an arm told of: a step or a look at validation that ended, features, or states of the trunk.
    at: seconds; held: resident bytes then."""

    kind: str
    at: float
    held: int = 0


@dataclass(frozen=True)
class FitSeen:
    """A fitting. seconds: as the arm's cost counts them; wall: with loading; peak: resident bytes; layouts: of them,
    those of weights that were laid out beforehand."""

    seconds: float
    wall: float
    peak: int
    marks: tuple[Mark, ...] = ()
    plan: Plan | None = None
    layouts: int = 0


@dataclass(frozen=True)
class AnswerSeen:
    """A prediction. held: resident bytes before it; peak: at most, in it."""

    seconds: float
    held: int
    peak: int


@dataclass(frozen=True)
class Rehearsal:
    """What was seen of an arm.

    startup: seconds until its process had the study's rows; layouts: bytes of weights laid out beforehand where it
    answers for many texts; route: an adapter's way to stock libraries; reason: why nothing was seen.
    """

    startup: float = 0.0
    fits: tuple[FitSeen, ...] = ()
    answers: tuple[AnswerSeen, ...] = ()
    layouts: int = 0
    route: str | None = None
    reason: str | None = None


@dataclass
class Marks:
    """Writes down when an arm tells of something."""

    seen: list[Mark] = field(default_factory=list)

    def __call__(self, phase: str, done: int, total: int, facts: dict[str, Any]) -> None:  # noqa: ARG002
        kind = {"train": STEP, "features": FEATURES, "trunk": TRUNK}.get(phase)
        if facts:
            kind = LOOK if "eval_loss" in facts else None
        if kind is not None:
            self.seen.append(Mark(kind, time.perf_counter(), resident_bytes()))


def rehearse(spec: RehearsalSpec) -> Rehearsal:
    """Fit and ask the arm on the rows of `spec`, in this process, which should have done nothing else."""
    from lightune.arms.adapter import FittedAdapter
    from lightune.compute import has_room

    splits = portion(read_splits(Path(spec.data)), spec.config, spec.key)
    startup = time.time() - spec.asked
    fits = []
    fitted: Fitted | None = None
    for at, (train, validation) in enumerate(spec.fits):
        fitted = None  # or two of them would be held at once
        seen, fitted = _fit(spec, splits, splits.train.take(_at(train)), splits.validation.take(_at(validation)), at)
        fits.append(seen)
    assert fitted is not None
    answers = []
    for rows in spec.answers:
        forget_peak_memory()
        held = resident_bytes()
        predicted = fitted.predict_each(splits.test.take(_at(rows)))
        answers.append(AnswerSeen(predicted.seconds, held, peak_memory_bytes()))
    layouts = _layouts(fitted, training=False)
    route = fitted.stock_route() if isinstance(fitted, FittedAdapter) else None
    return Rehearsal(startup, tuple(fits), tuple(answers), layouts if has_room(layouts) else 0, route)


def _fit(spec: RehearsalSpec, splits: Splits, train: Rows, validation: Rows, at: int) -> tuple[FitSeen, Fitted]:
    seed_everything(spec.key.seed)
    marks = Marks()
    scratch = Path(spec.scratch) / f"fit-{at}"
    context = replace(context_of(spec.config, splits, spec.arm, spec.key, scratch), progress=marks)
    scratch.mkdir(parents=True)
    arm = make_arm(context)
    start = time.perf_counter()
    fitted = arm.fit(train, validation)
    wall = time.perf_counter() - start
    facts = fitted.facts
    plan = facts.training.plan if facts.training is not None else None
    layouts = _layouts(fitted, training=True) if plan is not None and plan.laid_out else 0
    return FitSeen(facts.fit_seconds, wall, peak_memory_bytes(), tuple(marks.seen), plan, layouts), fitted


def _layouts(fitted: Fitted, training: bool) -> int:
    """Bytes of what `fitted` would lay weights out in, in a training or where it answers for many texts."""
    from torch import nn

    from lightune.models import laid_out_bytes

    model = getattr(fitted, "model", None) or getattr(getattr(fitted, "scorer", None), "model", None)
    return laid_out_bytes(model, training) if isinstance(model, nn.Module) else 0


def resident_bytes() -> int:
    """What this process holds in memory now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def _at(rows: Sequence[int]) -> Any:
    import numpy as np

    return np.asarray(rows, dtype=np.int64)


def main(path: str, answer: str) -> int:
    """Rehearse the spec in the file `path`, and write what was seen, or why nothing was, to `answer`."""
    from lightune.errors import LightuneError
    from lightune.models import quiet_transformers

    spec = cattrs.structure(json.loads(Path(path).read_text(encoding="utf-8")), RehearsalSpec)
    try:
        with quiet_transformers():
            found = rehearse(spec)
    except LightuneError as error:
        found = Rehearsal(reason=str(error))
    except Exception as error:  # whatever an arm or a library raises: the other arms can be told all the same
        found = Rehearsal(reason=f"{type(error).__name__}: {error}")
    write_whole(Path(answer), dumps(found))
    return 0
