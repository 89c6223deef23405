"""An executor whose trainings are shared by the processes of several ranks; what trains nothing is rank 0's alone."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lightune.arms import trains_by_gradients
from lightune.config import StudyConfig
from lightune.errors import ConfigError, MachineError, OutOfMemory
from lightune.progress import Progress
from lightune.ranks import GONE, Meeting, Ranks
from lightune.records import RunRecord, StudyPlan
from lightune.study.executors import FAILED, OUT_OF_MEMORY, attempt_in_worker, begin_folder, in_worker
from lightune.study.following import was_ended, why
from lightune.study.less_memory import with_less_memory
from lightune.study.runs import RunSpec, failed_record, spec_text

# What the others take to say how their parts ended, once rank 0's has.
ANSWER_SECONDS = 30.0
# What rank 0's worker takes to find by itself that another has gone; some kinds of networks tell nobody.
FIND_SECONDS = 15.0
POLL_SECONDS = 0.5
# Of the arms that are trained step by step: those that FSDP was tested with.
SPREADABLE = ("lora", "full")
GO_ON = "What was learned up to the last checkpoint is kept, and the same command goes on from there."


class OverRanks:
    """Executor of rank 0's study. meeting: with the other ranks, which `follow`."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.gone: str | None = None

    def __call__(self, spec: RunSpec, progress: Progress) -> RunRecord:
        """Do the run."""
        if not trains_by_gradients(spec.arm):
            return in_worker(spec, progress)
        return with_less_memory(spec, progress, self._attempt)

    def _attempt(self, spec: RunSpec, progress: Progress) -> RunRecord:
        if self.gone is not None:
            return failed_record(spec, self.gone)
        try:
            begin_folder(spec)  # the others look for it, and a file system may remember for long that it was not there
            number = self.meeting.announce({"spec": spec_text(spec), "folder": spec.folder})
            watch = _Watch(self.meeting, number)
            try:
                record = attempt_in_worker(
                    spec, progress, self.meeting.ranks.environment(number), watch.over, killed_for_memory=False
                )
            finally:
                self.meeting.close(number)
            return record if record.status == "done" else self._told(spec, record, number, watch.code)
        except MachineError as error:
            self.gone = f"{error} {GO_ON}"
            return failed_record(spec, self.gone)

    def _told(self, spec: RunSpec, record: RunRecord, number: int, code: int) -> RunRecord:
        """The failed record with what the other ranks have to say of it. code: what rank 0's worker left with."""
        answers = self.meeting.answers(number, ANSWER_SECONDS)
        for rank, answer in sorted(answers.items()):
            if OUT_OF_MEMORY in answer:
                raise OutOfMemory(answer[OUT_OF_MEMORY])
            if "unseen" in answer:
                return failed_record(
                    spec,
                    f"Rank {rank} does not see what this study has written into {answer['unseen']}. All hosts need the "
                    "same folder under the same path: name one of a shared file system with --out.",
                )
        silent = [rank for rank in range(1, self.meeting.ranks.size) if rank not in answers]
        if silent:
            self.gone = _lost(silent[0], {})
            return failed_record(spec, self.gone)
        if not (was_ended(code) or (record.reason or "").startswith(GONE)):
            return record  # its own failure, which the others may have met too, or have been left alone by
        for rank, answer in sorted(answers.items()):
            if _failed_by_itself(answer):
                return failed_record(spec, f"Rank {rank}: {answer[FAILED]}")
        lost = {rank: answer for rank, answer in answers.items() if "code" in answer}
        if was_ended(code) and not lost:
            lost = {0: {"code": code}}
        return failed_record(spec, _lost(min(lost), lost[min(lost)]) if lost else f"{record.reason} {GO_ON}")


def check_sharding(ranks: Ranks, config: StudyConfig, gpus: int) -> None:
    """Raise ConfigError where accelerate was told to spread models over the processes (FSDP), and that cannot be done
    for this study. gpus: of this host."""
    if not ranks.sharding:
        return
    if ranks.sharding.get("FSDP_VERSION") != "2":
        raise ConfigError("--use_fsdp: version 2 is what lightune works with; add --fsdp_version 2 for accelerate.")
    if not gpus:
        raise ConfigError("--use_fsdp: accelerate spreads models over GPUs alone, and here is none; leave it out.")
    for arm in config.arms:
        if trains_by_gradients(arm) and arm not in SPREADABLE:
            raise ConfigError(
                f"--arms {arm}: spread over processes (--use_fsdp) only {' and '.join(SPREADABLE)} can be trained; "
                "leave one of the two out."
            )
    if config.training.top_blocks is not None:
        raise ConfigError("--top-blocks: it does not go with --use_fsdp, under which every block runs in each step.")


def plan_over(ranks: Ranks, found: StudyPlan) -> StudyPlan:
    """What a study's plan for one process becomes where `ranks` share its trainings."""
    from lightune.training import over_processes

    arms = (
        arm if arm.plan is None else replace(arm, plan=over_processes(arm.plan, ranks.size, bool(ranks.sharding)))
        for arm in found.arms
    )
    return replace(found, arms=tuple(arms))


class _Watch:
    """Ends rank 0's worker where another rank's has gone and it does not find that out by itself. code: what the worker
    left with."""

    def __init__(self, meeting: Meeting, number: int) -> None:
        self.meeting = meeting
        self.number = number
        self.code = 0

    @contextmanager
    def over(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Watch while the worker is at it."""
        done = threading.Event()
        thread = threading.Thread(target=self._look, args=(process, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.code = process.poll() or 0

    def _look(self, process: subprocess.Popen[str], done: threading.Event) -> None:
        while not done.wait(POLL_SECONDS):
            try:
                answers = self.meeting.answers(self.number).values()
            except MachineError:
                return  # it is told of where rank 0 asks next
            if any("unseen" in answer for answer in answers):
                process.kill()  # it waits for one that does not come
                return
            if any("code" in answer or OUT_OF_MEMORY in answer or _failed_by_itself(answer) for answer in answers):
                if not done.wait(FIND_SECONDS):
                    process.kill()
                return


def _failed_by_itself(answer: dict[str, Any]) -> bool:
    """Whether a rank has a reason of its own, and did not only see that another one had gone."""
    return FAILED in answer and not answer[FAILED].startswith(GONE)


def _lost(rank: int, answer: dict[str, Any]) -> str:
    return f"A process of this training was lost: that of rank {rank} {why(answer)}. {GO_ON}"
