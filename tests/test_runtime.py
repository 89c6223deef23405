import json
import random
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lightune.runtime import PACKAGES, available_memory_bytes, environment, pick_device, seed_everything

MIB = 2**20
PEAKS = """
import subprocess, sys
from lightune.runtime import peak_memory_bytes
before = peak_memory_bytes()
taken = bytearray(b"x") * (200 * 2**20)
held = peak_memory_bytes()
child = "from lightune.runtime import peak_memory_bytes; print(peak_memory_bytes())"
child = int(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout)
del taken
print([before, held, peak_memory_bytes(), child])
"""


@pytest.mark.full
def test_peak_memory_is_the_most_that_this_process_and_no_other_ever_held():
    said = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True).stdout
    before, held, afterwards, child = json.loads(said)
    assert 5 * MIB < before < 150 * MIB
    assert 190 * MIB < held - before < 230 * MIB
    assert afterwards > held - MIB  # the kernel counts pages in small lots
    assert child < 150 * MIB  # not what its parent held when it was started


def test_the_environment_names_the_versions_but_no_host_user_or_path():
    facts = environment()
    assert set(facts["packages"]) == set(PACKAGES)
    assert facts["packages"]["torch"] == torch.__version__
    assert facts["cpus"] >= 1
    said = json.dumps(facts)
    for private in (socket.gethostname(), str(Path.home()), sys.prefix, str(Path.cwd())):
        assert private not in said


def test_a_cpu_computes_in_float32():
    device = pick_device()
    if not torch.cuda.is_available():
        assert (device.name, device.precision) == ("cpu", "float32")
    assert environment()["precision"] == device.precision


def test_a_seed_seeds_every_generator():
    drawn = []
    for _ in range(2):
        seed_everything(3)
        drawn.append((random.random(), np.random.random(), torch.rand(1).item()))
    seed_everything(4)
    assert drawn[0] == drawn[1]
    assert drawn[0] != (random.random(), np.random.random(), torch.rand(1).item())


def test_free_memory_is_that_of_the_control_group_where_it_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("lightune.runtime.CONTROL_GROUP", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    machine = available_memory_bytes()
    assert machine > 100 * MIB
    (tmp_path / "memory.current").write_text(str(90 * MIB))
    (tmp_path / "memory.stat").write_text(f"anon {60 * MIB}\ninactive_file {20 * MIB}\n")
    (tmp_path / "memory.max").write_text("max")
    assert available_memory_bytes() > 100 * MIB
    (tmp_path / "memory.max").write_text(str(100 * MIB))
    assert available_memory_bytes() == 30 * MIB
    (tmp_path / "memory.max").write_text(str(50 * MIB))
    assert available_memory_bytes() == 0
