"""A command that torchrun or `accelerate launch` started several times: rank 0 does it, the others help in silence."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, ParamSpec

from lightune.errors import ConfigError, LightuneError
from lightune.ranks import Meeting, Ranks, is_launched, ranks_from_environment, take_ranks
from lightune.signals import Terminated

if TYPE_CHECKING:
    from lightune.config import StudyConfig
    from lightune.records import StudyPlan
    from lightune.study import Executor

Options = ParamSpec("Options")
# A launcher that sees one process leave with an error ends the others, and rank 0 may be about to say what it was.
LATER_SECONDS = 2.0

_meeting: ContextVar[Meeting | None] = ContextVar("meeting", default=None)


def over_ranks(command: Callable[Options, int]) -> Callable[Options, int]:
    """`command` as several processes do it: rank 0 as it is, and the others take part in the runs of its study. Raises
    ConfigError for more processes than GPUs."""

    @functools.wraps(command)
    def led(*args: Options.args, **options: Options.kwargs) -> int:
        ranks = ranks_from_environment()
        if ranks is not None and ranks.rank > 0:
            return _follow(ranks)
        if ranks is None:
            take_ranks()
            return command(*args, **options)
        with _leading(ranks) as left_with:
            left_with[0] = command(*args, **options)
        return left_with[0]

    return led


def check_alone(command: str) -> None:
    """Raise ConfigError where a launcher has started several processes of a command that is one's."""
    if is_launched():
        raise ConfigError(
            f"{command} is done by one process, and a launcher has started several. Leave out torchrun or `accelerate "
            "launch`: they are for `lightune study` alone."
        )


def shared_executor(config: StudyConfig) -> Executor:
    """What runs of a study are done by: all processes of this command, or one of its own for each run. Raises
    ConfigError where accelerate was asked for what these arms cannot do."""
    from lightune.study import OverRanks, check_sharding, in_worker

    meeting = _meeting.get()
    if meeting is None:
        return in_worker
    check_sharding(meeting.ranks, config, _gpus())
    return OverRanks(meeting)


def several_ranks() -> bool:
    """Whether several processes do this command."""
    return _meeting.get() is not None


def shared_plan(found: StudyPlan) -> StudyPlan:
    """A study's plan as all processes of this command would carry it out."""
    from lightune.study import plan_over

    meeting = _meeting.get()
    return found if meeting is None else plan_over(meeting.ranks, found)


@contextmanager
def _leading(ranks: Ranks) -> Iterator[list[int]]:
    """Within it the other processes of `ranks` take part; at the end they are told to leave, with the exit code that is
    put into the list, or that of what is raised."""
    _check_devices(ranks)  # those on this host find the same, and do not come
    meeting = Meeting(ranks)
    take_ranks()
    left_with = [1]
    token = _meeting.set(meeting)
    try:
        yield left_with
    except LightuneError as error:
        left_with[0] = error.exit_code
        raise
    except (KeyboardInterrupt, Terminated) as stopped:
        left_with[0] = 143 if isinstance(stopped, Terminated) else 130
        raise
    finally:
        _meeting.reset(token)
        meeting.end(left_with[0])


def _follow(ranks: Ranks) -> int:
    from lightune.study import follow

    try:
        _check_devices(ranks)
    except ConfigError as error:
        if ranks.local_rank == 0:  # on this host nobody else says so
            print(f"lightune: {error}", file=sys.stderr)
        time.sleep(LATER_SECONDS)
        return error.exit_code
    code = follow(Meeting(ranks))
    if code:
        time.sleep(LATER_SECONDS)
    return code


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _check_devices(ranks: Ranks) -> None:
    found = _gpus()
    if found and ranks.local_size > found:
        raise ConfigError(
            f"{ranks.local_size} processes were started on a host with {found} GPU{'s' if found > 1 else ''}, and each "
            "takes one. Give the launcher a smaller --nproc-per-node (torchrun) or --num_processes (accelerate)."
        )
