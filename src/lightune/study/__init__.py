"""Studies: runs planned, done, resumed and collected."""

from lightune.study.chosen import study_plan
from lightune.study.estimating import estimate_study
from lightune.study.executors import Executor, in_process, in_worker
from lightune.study.fleets import Fleet
from lightune.study.folder import StudyFolder
from lightune.study.on_ray import RayFleet
from lightune.study.plan import PlannedRun, plan_runs
from lightune.study.side_by_side import side_by_side
from lightune.study.study import Event, run_study

__all__ = [
    "Event",
    "Executor",
    "Fleet",
    "PlannedRun",
    "RayFleet",
    "StudyFolder",
    "estimate_study",
    "in_process",
    "in_worker",
    "plan_runs",
    "run_study",
    "side_by_side",
    "study_plan",
]
