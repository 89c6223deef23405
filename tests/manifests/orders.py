"""Orders to render, strings that must come through, and what stands in for a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lightune.config import AnalysisConfig, DataConfig, ModelConfig, StudyConfig
from lightune.manifests import Order

IMAGE = "registry.example.org:5000/team/lightune:0.1@sha256"
HOSTILE = [
    "a folder with spaces",
    "it's \"quoted\" `id` $(id) $HOME ${HOME} $$ \\ !! ; touch pwned & | > < * ? [a] {b,c} ~ # %",
    "first\nsecond\n#SBATCH --wrap=id\n- injected: true\n---\nkind: Pod",
    "tab\tbell\x07escape\x1b[31m delete\x7f next\x85line sep\u2028end \ufeff",
    "$(JOB_COMPLETION_INDEX) $$(HOME) $$$(X) trailing$",
    "{{ 7 * 7 }} {% raw %} {# #}",
    "-rf --out=x",
    "ends with backslash\\",
    "Käse 漢字 🙂 e\u0301",
    "next\x85line, and\u2028that",
    ": yes, null, 1e3, @at, `back`, 'single",
    " leading and trailing ",
    "'",
    "\\'\\\"\\n\\x41",
]  # fmt: skip


def order(scheduler: str = "slurm", executor: str = "local", **changes: Any) -> Order:
    image = IMAGE if scheduler == "kubernetes" else None
    given = {"config": StudyConfig(), "config_path": "study.yaml", "out": "runs/imdb", "image": image, **changes}
    return Order(scheduler=scheduler, executor=executor, **given)


def hostile(scheduler: str, executor: str, value: str) -> Order:
    """An order in which every string that may hold anything holds `value`."""
    config = StudyConfig(
        model=ModelConfig(value),
        data=DataConfig(value, text_column=value),
        arms=("lora", f"api={value}"),
        analysis=AnalysisConfig((value,), value, value),
    )
    return order(scheduler, executor, config=config, config_path=value, out=value, nodes=2)


def words_of(script: str, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """Run a script for Slurm under bash: the words that srun would get, and its environment. Nothing else runs."""
    programs, seen = tmp_path / "programs", tmp_path / "seen"
    programs.mkdir(exist_ok=True)
    seen.mkdir(exist_ok=True)
    tools = {
        "srun": f"printf '%s\\0' \"$@\" > '{seen}/words'\nenv -0 > '{seen}/environment'",
        "python": f"exec '{sys.executable}' \"$@\"",
        "scontrol": "test \"$*\" = 'show hostnames node[1-2]' && printf 'node1\\nnode2\\n'",
    }
    for name, body in tools.items():
        (programs / name).write_text(f"#!/bin/bash\n{body}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "here").mkdir(exist_ok=True)
    done = subprocess.run(
        ["bash"],
        input=script.encode(),
        cwd=tmp_path / "here",
        env={
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": "/nowhere",
            "SLURM_JOB_ID": "1234567",
            "SLURM_JOB_NODELIST": "node[1-2]",
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not list((tmp_path / "here").iterdir())
    words = (seen / "words").read_bytes().decode().split("\0")[:-1]
    environment = (seen / "environment").read_bytes().decode().split("\0")[:-1]
    return words, dict(line.split("=", 1) for line in environment)


def study_words(words: list[str]) -> list[str]:
    """What stands after `lightune study`."""
    at = words.index("lightune")
    assert words[at + 1] == "study"
    return words[at + 2 :]
