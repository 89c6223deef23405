"""The manifests, as YAML and as Kubernetes' own schemas read them."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lightune.config import StudyConfig, config_from_yaml
from lightune.manifests import EXECUTORS, render_order
from tests.manifests.orders import HOSTILE, IMAGE, hostile, order
from tests.manifests.parsing import parsed_study, parsed_torchrun

MOUNT = "/workspace"


def _documents(text: str) -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def _expanded(value: str, variables: dict[str, str]) -> str:
    """What Kubernetes hands to a container for an argument: `$(NAME)` of what is known replaced, `$$` as `$`."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^()]*)\)", one, value)


def _pods(documents: dict[str, Any]) -> list[dict[str, Any]]:
    if "Job" in documents:
        return [documents["Job"]["spec"]["template"]["spec"]]
    cluster = documents["RayJob"]["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def _arguments(documents: dict[str, Any], index: int = 0) -> list[str]:
    container = _pods(documents)[0]["containers"][0]
    variables = {"JOB_COMPLETION_INDEX": str(index), "HOME": "/root", "X": "x"}
    return [_expanded(word, variables) for word in container["args"]]


@pytest.mark.parametrize("value", HOSTILE)
def test_every_string_comes_through_to_the_job(value):
    asked = hostile("kubernetes", "local", value)
    documents = _documents(render_order(asked))
    assert list(documents) == ["ConfigMap", "Service", "Job"]
    assert list(documents["ConfigMap"]["data"]) == ["config.yaml"]
    assert config_from_yaml(documents["ConfigMap"]["data"]["config.yaml"]) == asked.config
    words = _arguments(documents)
    assert words[words.index("lightune") :] == [
        *("lightune", "study", "--config=/etc/lightune/config.yaml", f"--out={value}")
    ]


@pytest.mark.parametrize("value", HOSTILE)
def test_every_string_comes_through_to_ray_s_job(value, tmp_path):
    asked = hostile("kubernetes", "ray", value)
    documents = _documents(render_order(asked))
    assert list(documents) == ["ConfigMap", "RayJob"]
    assert config_from_yaml(documents["ConfigMap"]["data"]["config.yaml"]) == asked.config
    assert documents["RayJob"]["spec"]["entrypoint"] == "bash /etc/lightune/study.sh"
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "lightune").write_text("#!/bin/bash\nprintf '%s\\0' \"$@\"\n")
    (tmp_path / "programs" / "lightune").chmod(0o755)
    script = documents["ConfigMap"]["data"]["study.sh"].replace(f"cd {MOUNT}\n", f"cd {shlex.quote(str(tmp_path))}\n")
    done = subprocess.run(
        ["bash"],
        input=script.encode(),
        env={"PATH": f"{tmp_path}/programs:/usr/bin:/bin", "HOME": "/nowhere"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    path = f"./{value}" if value.startswith("-") else value
    assert done.stdout.decode().split("\0")[:-1] == [
        *("study", "--config=/etc/lightune/config.yaml", f"--out={path}", "--executor=ray")
    ]
    assert [item.name for item in tmp_path.iterdir()] == ["programs"]


def test_one_run_takes_all_devices():
    documents = _documents(
        render_order(order("kubernetes", nodes=3, gpus_per_node=4, time="1-00:30:00", memory_per_node="64G", fsdp=True))
    )
    job, service = documents["Job"]["spec"], documents["Service"]["spec"]
    assert (job["completions"], job["parallelism"], job["completionMode"]) == (3, 3, "Indexed")
    assert job["activeDeadlineSeconds"] == 24 * 3600 + 1800
    assert service["selector"] == {"batch.kubernetes.io/job-name": documents["Job"]["metadata"]["name"]}
    assert job["template"]["spec"]["subdomain"] == documents["Service"]["metadata"]["name"]
    found = parsed_torchrun(_arguments(documents, 2))
    assert (found.nnodes, found.nproc_per_node, found.node_rank) == ("3", "4", 2)
    assert (found.master_addr, found.master_port) == ("lightune-imdb-0.lightune-imdb", 29500)
    assert service["ports"][0]["port"] == found.master_port
    asked = parsed_study(found.training_script_args[1:])
    assert (asked["config_file"], asked["out"]) == (Path("/etc/lightune/config.yaml"), Path("runs/imdb"))
    container = job["template"]["spec"]["containers"][0]
    assert container["image"] == IMAGE
    assert container["resources"] == {
        "requests": {"cpu": "32", "memory": "64Gi"},
        "limits": {"memory": "64Gi", "nvidia.com/gpu": 4},
    }
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert variables["OMP_NUM_THREADS"] == "8"
    assert variables["ACCELERATE_USE_FSDP"] == "true"
    assert variables["HF_TOKEN"] is None


def test_many_arms_are_tasks_on_the_workers():
    cluster = _documents(render_order(order("kubernetes", "ray", nodes=5, gpus_per_node=2, cpus_per_node=12)))
    head, workers = _pods(cluster)
    spec = cluster["RayJob"]["spec"]["rayClusterSpec"]
    assert spec["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0", "num-gpus": "0"}
    # KubeRay makes a token for Rays that know of it alone, by what this says.
    assert (spec["authOptions"], spec["rayVersion"]) == ({"mode": "token"}, "2.52.0")
    group = spec["workerGroupSpecs"][0]
    assert (group["replicas"], group["rayStartParams"]) == (5, {"num-cpus": "12", "num-gpus": "2"})
    assert "limits" not in head["containers"][0]["resources"]
    assert workers["containers"][0]["resources"] == {"requests": {"cpu": "12"}, "limits": {"nvidia.com/gpu": 2}}


def test_one_device_needs_neither_torchrun_nor_names():
    documents = _documents(render_order(order("kubernetes")))
    assert list(documents) == ["ConfigMap", "Job"]
    (pod,) = _pods(documents)
    assert "subdomain" not in pod
    assert pod["containers"][0]["command"] == ["lightune"]
    assert _arguments(documents) == ["study", "--config=/etc/lightune/config.yaml", "--out=runs/imdb"]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_pod_sees_the_study_and_the_shared_volume(executor):
    for pod in _pods(_documents(render_order(order("kubernetes", executor)))):
        container = pod["containers"][0]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"workspace": MOUNT, "study": "/etc/lightune", "shared-memory": "/dev/shm"}
        assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
        assert container["workingDir"] == MOUNT


def test_a_configuration_reads_well_in_it():
    text = render_order(order("kubernetes", config=StudyConfig(arms=("lora", "Käse=a.csv"))))
    assert "  config.yaml: |\n    model:\n      source: gpt2\n" in text
    assert "    - Käse=a.csv\n" in text


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("value", ["plain", HOSTILE[1], HOSTILE[2], HOSTILE[3]])
def test_kubernetes_own_schemas_take_it(executor, value):
    schemas = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    documents = _documents(render_order(hostile("kubernetes", executor, value)))
    for kind, document in documents.items():
        if kind == "RayJob":  # its schema is KubeRay's; its pods are everybody's
            continue
        schemas.validate(document, "1.31", strict=True)
    for pod in _pods(documents):
        whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod}
        schemas.validate(whole, "1.31", strict=True)
        with pytest.raises(schemas.ValidationError):
            schemas.validate({**whole, "spec": {**pod, "containres": []}}, "1.31", strict=True)
