"""Studies: runs planned, done, resumed and collected."""

from lightune.study.executors import Executor, in_process, in_worker
from lightune.study.folder import StudyFolder
from lightune.study.study import Event, plan_runs, run_study

__all__ = ["Event", "Executor", "StudyFolder", "in_process", "in_worker", "plan_runs", "run_study"]
