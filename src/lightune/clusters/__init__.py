"""Other machines: the one place that imports ray."""

from lightune.clusters.nodes import Needs, Node, cpus_each, nodes
from lightune.clusters.pool import Pool, room_for
from lightune.clusters.ray import connected
from lightune.clusters.tasks import Ended, Task, Tasks, Tell, each_node

__all__ = [
    "Ended",
    "Needs",
    "Node",
    "Pool",
    "Task",
    "Tasks",
    "Tell",
    "connected",
    "cpus_each",
    "each_node",
    "nodes",
    "room_for",
]
