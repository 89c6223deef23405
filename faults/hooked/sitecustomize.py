"""Python reads this at its start where this folder is on its path: a worker's training then meets a fault.

LIGHTUNE_FAULT=kill: SIGKILL, as the system sends it where memory runs out. LIGHTUNE_FAULT=limit: the process may take
LIGHTUNE_FAULT_BYTES more address space than it has then, so that an allocation fails. Both at the step
LIGHTUNE_FAULT_STEP, where a micro-batch has more rows than LIGHTUNE_FAULT_ROWS.
"""

import os
import resource
import signal
import sys
import threading
from pathlib import Path


def address_space() -> int:
    """Bytes of this process's address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def hook() -> None:
    """Wait until the Trainer's class is there, and put the fault into its step."""
    module = None
    while not hasattr(module, "StepTrainer"):
        threading.Event().wait(0.005)
        module = sys.modules.get("lightune.training.trainer")
    real = module.StepTrainer.training_step

    def step(self, model, inputs, *rest):
        rows = max(len(batch["labels"]) for batch in inputs["micro_batches"])
        too_many = rows > int(os.environ["LIGHTUNE_FAULT_ROWS"])
        if too_many and self.state.global_step == int(os.environ["LIGHTUNE_FAULT_STEP"]):
            if os.environ["LIGHTUNE_FAULT"] == "limit":
                most = address_space() + int(os.environ["LIGHTUNE_FAULT_BYTES"])
                resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        try:
            return real(self, model, inputs, *rest)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    module.StepTrainer.training_step = step


if "LIGHTUNE_FAULT" in os.environ and "lightune.worker" in sys.orig_argv:
    threading.Thread(target=hook, daemon=True).start()
