"""A study written down for a cluster's own scheduler: a batch script for Slurm, manifests for Kubernetes."""

from lightune.manifests.order import EXECUTORS, SCHEDULERS, Order
from lightune.manifests.rendering import render_order

__all__ = ["EXECUTORS", "SCHEDULERS", "Order", "render_order"]
