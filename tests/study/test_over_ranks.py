"""`torchrun -m lightune study`: the processes share the trainings, rank 0 has the study, and nobody else writes."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import lightune
import tests
from lightune.cli import ranks as cli_ranks
from lightune.config import LoraConfig, MethodsConfig, ModelConfig, StudyConfig, TrainingConfig
from lightune.errors import ConfigError, OutOfMemory
from lightune.predictions import read_predictions
from lightune.ranks import GONE, Meeting, Ranks, is_follower, ranks_from_environment
from lightune.records import RunKey, StudyResult
from lightune.study import OverRanks, check_sharding, follow, in_process, over_ranks, run_study
from lightune.study import following as following_module
from lightune.study.runs import RunSpec, failed_record, spec_file, spec_text
from tests.fixtures.bases import edit_config
from tests.study.shared import quick_config, write_reviews

CLOSE = 1e-5
STEPS, LOOKS = 12, 4
# Run by Python before all else: a process that is not to write dies of it, and one that is to die does so where the
# first checkpoint stands.
WARDEN = """
import glob, os, signal, sys, threading, time
study = os.environ.get("WARDEN_STUDY")
if study and os.environ.get("RANK", "0") != "0" and os.environ.get("WORLD_SIZE"):
    def refuse(path, *_):
        if isinstance(path, (str, os.PathLike)) and os.path.abspath(path).startswith(study):
            os.write(2, f"WROTE {path}".encode())
            os._exit(77)
    def heard(event, args):
        if event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
            refuse(args[0])
        elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.utime"):
            refuse(args[0])
            if event == "os.rename":
                refuse(args[1])
    sys.addaudithook(heard)
    if os.environ.get("WARDEN_KILLS") and os.environ.get("LIGHTUNE_RUN"):
        def die():
            while not glob.glob(study + "/runs/*/checkpoints/checkpoint-*"):
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Thread(target=die, daemon=True).start()
"""


@pytest.fixture
def torchrun(tmp_path: Path) -> Any:
    """Runs `lightune study` by two processes; returns what came of it, and checks that none of them is left."""
    warden = tmp_path / "warden"
    warden.mkdir()
    (warden / "sitecustomize.py").write_text(WARDEN)

    def run(out: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(warden), os.environ.get("PYTHONPATH", "")]),
            "WARDEN_STUDY": str(out),
            "OMP_NUM_THREADS": "1",
            "GLOO_SOCKET_IFNAME": "lo",
            "LIGHTUNE_WAIT_SECONDS": "120",
            **variables,
        }
        places = ["--nproc-per-node", "2", "--master-addr", "127.0.0.1", "--master-port", str(free_port())]
        command = [sys.executable, "-m", "torch.distributed.run", *places, "-m", "lightune", "study", *options]
        with subprocess.Popen(
            [*command, "--out", str(out)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            said, complained = process.communicate(timeout=400)
        left = [one.pid for one in psutil.process_iter(["cmdline"]) if str(out) in " ".join(one.info["cmdline"] or ())]
        assert left == []
        return subprocess.CompletedProcess(command, process.returncode, said, complained)

    return run


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def config(tiny_gpt2: Path, tmp_path: Path) -> StudyConfig:
    training = TrainingConfig(max_steps=STEPS, evaluations=LOOKS, learning_rate=1e-2, top_blocks=1)
    return quick_config(
        tiny_gpt2,
        write_reviews(tmp_path / "reviews", 60, 21),
        arms=("majority", "lora"),
        training=training,
        lora=LoraConfig(dropout=0.0),
        methods=MethodsConfig(rate_trials=2),
    )


def options_of(config: StudyConfig) -> list[str]:
    words = {
        "--model": config.model.source,
        "--data": config.data.source,
        "--arms": ",".join(config.arms),
        "--max-steps": config.training.max_steps,
        "--evaluations": config.training.evaluations,
        "--learning-rate": config.training.learning_rate,
        "--top-blocks": config.training.top_blocks,
        "--dropout": config.lora.dropout,
        "--rate-trials": config.methods.rate_trials,
        "--behaviour": "none",
    }
    return ["--quiet", *(str(word) for pair in words.items() for word in pair)]


def files(folder: Path) -> set[str]:
    """Every file below `folder` but what belongs to a worker's process; what names a part of a cache at random is left
    out of its name."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    own = ("worker.log", "spec.json", ".lock")
    return {re.sub(r"(tokens-[0-9a-f]+)-[0-9a-f]+", r"\1", name) for name in found if not name.endswith(own)}


def arm(result: StudyResult, name: str) -> Any:
    return next(one for one in result.arms if one.name == name)


def test_the_warden_ends_a_process_that_writes_where_only_rank_0_may(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WARDEN)
    for rank, code in (("0", 0), ("1", 77)):
        environment = {"PYTHONPATH": str(tmp_path), "WARDEN_STUDY": str(tmp_path), "RANK": rank, "WORLD_SIZE": "2"}
        write = f"open({str(tmp_path / 'file')!r}, 'w')"
        assert subprocess.run([sys.executable, "-P", "-c", write], env=environment, check=False).returncode == code


@pytest.mark.full
def test_a_study_over_ranks_is_the_study_of_one_process_and_rank_0_alone_writes(config, tmp_path, torchrun):
    alone = run_study(config, tmp_path / "one", executor=in_process)
    told = torchrun(tmp_path / "two", *options_of(config))
    assert told.returncode == 0
    result = lightune.load_result(tmp_path / "two")
    both = [arm(one, "lora") for one in (alone, result)]
    assert both[1].training.plan.processes == 2
    assert any("2 processes shared" in note for note in both[1].notes)
    for one, other in zip(*(study.training.trials for study in both), strict=True):
        assert (one.learning_rate, one.steps) == (other.learning_rate, other.steps)
        assert other.validation_loss == pytest.approx(one.validation_loss, abs=CLOSE)
    losses = [[point.train_loss for point in one.training.history] for one in both]
    assert losses[1] == pytest.approx(losses[0], abs=CLOSE)
    answers = [read_predictions(tmp_path / name / "predictions" / "lora.parquet") for name in ("one", "two")]
    for one, other in zip(*answers, strict=True):
        assert np.abs(one.probabilities - other.probabilities).max() < CLOSE
    assert files(tmp_path / "two") == files(tmp_path / "one")


@pytest.mark.full
def test_a_lost_process_ends_its_run_and_the_same_command_goes_on(config, tmp_path, torchrun):
    config = replace(config, methods=MethodsConfig(rate_trials=0))
    told = torchrun(tmp_path / "out", *options_of(config), WARDEN_KILLS="1")
    assert told.returncode == 1
    own = str(Path(lightune.__file__).parent)  # torchrun has a traceback of its own
    assert own not in told.stdout + told.stderr
    lora = arm(lightune.load_result(tmp_path / "out"), "lora")
    assert lora.status == "failed"
    assert "A process of this training was lost: that of rank 1 was ended by signal 9 (SIGKILL)." in lora.reason
    assert "the same command goes on" in lora.reason
    assert list((tmp_path / "out").glob("runs/lora*/checkpoints/checkpoint-*"))
    result = run_study(config, tmp_path / "out", executor=in_process)
    alone = run_study(config, tmp_path / "alone", executor=in_process)
    answers = [read_predictions(tmp_path / name / "predictions" / "lora.parquet") for name in ("out", "alone")]
    assert arm(result, "lora").status == arm(alone, "lora").status == "done"
    for one, other in zip(*answers, strict=True):
        assert np.abs(one.probabilities - other.probabilities).max() < CLOSE


@pytest.mark.full
def test_what_is_wrong_with_the_options_is_said_once(config, tmp_path, torchrun):
    told = torchrun(tmp_path / "out", *options_of(replace(config, arms=("lorra",))))
    assert told.returncode == 1  # torchrun's own: it passes no exit code on
    assert told.stderr.count("'lorra' is no arm") == 1
    assert not (tmp_path / "out").exists()


# What accelerate says of a model that is to be spread, and what has it do so without GPUs.
SHARDING = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP"}
SPREADING = """
import os
from pathlib import Path
if "LIGHTUNE_RUN" in os.environ:
    from tests.training.sharing import spread_on_cpus
    spread_on_cpus(Path(__file__).parent / "marks")
"""
FOLLOWING = """
from lightune.ranks import Meeting, ranks_from_environment
from lightune.study import follow
raise SystemExit(follow(Meeting(ranks_from_environment())))
"""


@pytest.mark.full
def test_arms_that_are_spread_over_ranks_answer_as_those_of_one_process(config, tmp_path, monkeypatch):
    still = Path(shutil.copytree(config.model.source, tmp_path / "still"))  # each process draws a dropout of its own
    edit_config(still, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)
    config = replace(
        config,
        model=ModelConfig(str(still)),
        arms=("lora", "full"),
        training=TrainingConfig(max_steps=4, evaluations=2, learning_rate=1e-2),
        methods=MethodsConfig(rate_trials=0),
    )
    alone = run_study(config, tmp_path / "one", executor=in_process)
    (tmp_path / "sitecustomize.py").write_text(SPREADING)
    marks = tmp_path / "marks"
    marks.mkdir()
    ranks = Ranks(0, 2, 0, 2, "127.0.0.1", free_port(), {**SHARDING, "FSDP_CPU_RAM_EFFICIENT_LOADING": "false"})
    for name, value in {
        "MASTER_ADDR": ranks.host,
        "MASTER_PORT": str(ranks.port),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(tests.__file__).parents[1])]),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "LIGHTUNE_WAIT_SECONDS": "120",
    }.items():
        monkeypatch.setenv(name, value)
    own = {**os.environ, **SHARDING, "RANK": "1", "WORLD_SIZE": "2"}
    with subprocess.Popen([sys.executable, "-c", FOLLOWING], env=own) as other:
        try:
            meeting = Meeting(ranks)
            shared = run_study(config, tmp_path / "two", executor=OverRanks(meeting))
            meeting.end(3)
            assert other.wait(60) == 3
        finally:
            other.kill()
    assert len(list(marks.iterdir())) == 2 * len(config.arms)
    for name in config.arms:
        assert arm(shared, name).status == "done", arm(shared, name).reason
        assert arm(shared, name).certificate is not None
        assert arm(shared, name).training.plan.reasons["packed"].startswith("the model is spread over the processes")
        answers = [read_predictions(tmp_path / which / "predictions" / f"{name}.parquet") for which in ("one", "two")]
        for one, other_ in zip(*answers, strict=True):
            assert np.abs(one.probabilities - other_.probabilities).max() < CLOSE
    assert {found.name for found in alone.arms} == {found.name for found in shared.arms}


@pytest.mark.parametrize(
    ("said", "gpus", "changes", "sentence"),
    [
        ({"FSDP_VERSION": "1"}, 2, {}, "add --fsdp_version 2"),
        (SHARDING, 0, {}, "over GPUs alone"),
        (SHARDING, 2, {"arms": ("ia3",)}, "--arms ia3: spread over processes"),
        (SHARDING, 2, {}, "--top-blocks: it does not go with --use_fsdp"),
    ],
)
def test_what_cannot_be_spread_is_refused(config, said, gpus, changes, sentence):
    ranks = Ranks(0, 2, 0, 2, "host", 1, said)
    with pytest.raises(ConfigError, match=sentence):
        check_sharding(ranks, replace(config, **changes), gpus)
    check_sharding(replace(ranks, sharding={}), config, gpus)


class Hall:
    """A meeting where the others have said this already."""

    ranks = Ranks(0, 2, 0, 2, "127.0.0.1", 1)

    def __init__(self, answers: dict[int, dict[str, Any]]) -> None:
        self.said: list[Any] = []
        self.given = answers

    def announce(self, what: dict[str, Any]) -> int:
        self.said.append(what)
        return len(self.said) - 1

    def answers(self, number: int, seconds: float = 0.0) -> dict[int, dict[str, Any]]:
        return self.given

    def close(self, number: int) -> None:
        self.said.append("closed")


@pytest.fixture
def spec(config: StudyConfig, tmp_path: Path) -> RunSpec:
    run = tmp_path / "runs" / "lora"
    return RunSpec(config, "lora", RunKey("lora", 1, 0), "f", str(tmp_path), str(run), None, str(tmp_path))


def attempted(
    monkeypatch: pytest.MonkeyPatch, spec: RunSpec, answers: dict[int, dict[str, Any]], reason: str = "It failed."
) -> Any:
    """What rank 0 makes of its own part that failed for a reason."""
    monkeypatch.setattr(over_ranks, "attempt_in_worker", lambda one, *_, **__: failed_record(one, reason))
    monkeypatch.setattr(over_ranks, "with_less_memory", lambda one, progress, attempt: attempt(one, progress))
    hall = Hall(answers)
    executor = OverRanks(hall)
    return executor, executor(spec, lambda *_: None), hall


def test_a_run_is_announced_once_its_spec_can_be_seen(monkeypatch, spec):
    found: list[str] = []
    monkeypatch.setattr(Hall, "announce", lambda *_: found.append(spec_file(Path(spec.folder)).read_text()) or 0)
    attempted(monkeypatch, spec, {1: {}})
    assert found == [spec_text(spec)]


def test_a_run_that_is_done_stays_so_where_the_launcher_has_gone(monkeypatch, spec):
    class Gone(Meeting):
        def __init__(self) -> None:
            self.ranks, self._said, self._store = Hall.ranks, 0, self

        def set(self, key: str, value: str) -> None:
            if not key.startswith("said/0"):
                raise RuntimeError("Connection reset by peer")

        def check(self, keys: list[str]) -> bool:
            raise RuntimeError("Connection reset by peer")

    done = replace(failed_record(spec, "It failed."), status="done", reason=None)
    monkeypatch.setattr(over_ranks, "attempt_in_worker", lambda *_, **__: done)
    meeting = Gone()
    executor = OverRanks(meeting)
    assert executor._attempt(spec, lambda *_: None) == done
    assert "has gone" in executor._attempt(spec, lambda *_: None).reason  # for the next one nobody is there
    meeting.end(0)


def test_a_host_that_does_not_see_the_folder_is_named(monkeypatch, spec):
    _, record, hall = attempted(monkeypatch, spec, {1: {"unseen": "/data/study"}})
    assert record.reason.startswith("Rank 1 does not see what this study has written into /data/study.")
    assert hall.said[-1] == "closed"


def test_another_ranks_want_of_memory_is_the_runs(monkeypatch, spec):
    with pytest.raises(OutOfMemory, match="full"):
        attempted(monkeypatch, spec, {1: {"out_of_memory": "full"}})


@pytest.mark.parametrize("answer", [{"failed": "It failed."}, {"code": 1, "said": "ValueError: it failed"}, {}])
def test_a_failure_of_rank_0_keeps_its_own_reason(monkeypatch, spec, answer):
    _, record, _ = attempted(monkeypatch, spec, {1: answer})
    assert record.reason == "It failed."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"code": -9}, "that of rank 1 was ended by signal 9 (SIGKILL)"),
        ({"code": 143}, "that of rank 1 was ended by signal 15 (SIGTERM)"),
        ({"code": 1, "said": "ValueError: odd"}, "that of rank 1 left with code 1: ValueError: odd"),
    ],
)
def test_the_rank_that_was_lost_is_named(monkeypatch, spec, answer, said):
    _, record, _ = attempted(monkeypatch, spec, {1: answer}, f"{GONE} (reset).")
    assert record.reason.startswith(f"A process of this training was lost: {said}.")


@pytest.mark.parametrize("others", [{}, {2: {"failed": f"{GONE} (closed)."}}, {2: {"code": -9}}])
def test_what_another_rank_failed_of_by_itself_is_the_runs_reason(monkeypatch, spec, others):
    answers = {1: {"failed": "No model is at /models/gpt2."}, **others}
    _, record, _ = attempted(monkeypatch, spec, answers, f"{GONE} (reset).")
    assert record.reason == "Rank 1: No model is at /models/gpt2."


@pytest.mark.parametrize(("said", "ended"), [("No model is at /models/gpt2.", -9), (f"{GONE} (reset).", 0)])
def test_rank_0_does_not_wait_for_one_that_has_failed_by_itself(monkeypatch, said, ended):
    for name in ("POLL_SECONDS", "FIND_SECONDS"):
        monkeypatch.setattr(over_ranks, name, 0.01)
    watch = over_ranks._Watch(Hall({1: {"failed": said}}), 0)
    seconds = 60 if ended else 0.2
    command = [sys.executable, "-S", "-c", f"import time; time.sleep({seconds})"]
    with subprocess.Popen(command, text=True) as process, watch.over(process):
        process.wait(30)
    assert watch.code == ended


def test_where_nobody_knows_who_was_lost_the_run_says_what_it_saw(monkeypatch, spec):
    _, record, _ = attempted(monkeypatch, spec, {1: {"failed": f"{GONE} (closed)."}}, f"{GONE} (reset).")
    assert record.reason == f"{GONE} (reset). {over_ranks.GO_ON}"


def test_a_rank_that_says_nothing_is_lost_for_the_runs_to_come_too(monkeypatch, spec):
    executor, record, hall = attempted(monkeypatch, spec, {})
    assert "that of rank 1 does not answer" in record.reason
    assert executor(spec, lambda *_: None).reason == record.reason
    assert hall.said.count("closed") == 1


class Told:
    """A meeting as another rank sees it, with what rank 0 announces."""

    ranks = Ranks(1, 2, 1, 2, "127.0.0.1", 1)

    def __init__(self, *said: dict[str, Any]) -> None:
        self.said = said
        self.answered: list[Any] = []

    def heard(self, number: int) -> dict[str, Any]:
        return self.said[number]

    def answer(self, number: int, what: dict[str, Any]) -> None:
        self.answered.append(what)

    def is_closed(self, number: int) -> bool:
        return True


def test_another_rank_says_where_it_sees_no_folder_and_leaves_as_rank_0_does(monkeypatch, tmp_path):
    monkeypatch.setattr(following_module, "SEEN_SECONDS", 0.2)
    run = tmp_path / "runs" / "lora"
    meeting = Told({"spec": "{}", "folder": str(run)}, {"leave": 2})
    assert follow(meeting) == 2
    assert meeting.answered == [{"unseen": str(tmp_path)}, {}]
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_says_much_is_not_held_up_and_its_last_words_are_heard(monkeypatch, tmp_path):
    (tmp_path / "lightune").mkdir()
    (tmp_path / "lightune" / "__init__.py").touch()
    words = """print("x" * 2**20); print('{"failed": "No model."}'); raise SystemExit(1)"""
    (tmp_path / "lightune" / "worker.py").write_text(words)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(following_module, "GRACE_SECONDS", 10.0)
    monkeypatch.setattr(following_module, "_is_seen", lambda *_: True)
    meeting = Told({"spec": "{}", "folder": str(tmp_path / "runs" / "lora")}, {"leave": 0})
    assert follow(meeting) == 0
    assert meeting.answered == [{"failed": "No model."}, {}]


def test_a_worker_that_waits_for_one_that_has_gone_is_ended_and_not_told_as_lost(monkeypatch, tmp_path):
    monkeypatch.setattr(following_module, "GRACE_SECONDS", 0.2)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(command) as process:
        assert following_module._wait_until_over(process, Told(), 0) is None
    assert process.returncode == -9


def test_more_processes_than_gpus_are_refused(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    cli_ranks._check_devices(Ranks(0, 4, 0, 2, "host", 1))
    with pytest.raises(ConfigError, match="4 processes were started on a host with 2 GPUs"):
        cli_ranks._check_devices(Ranks(0, 4, 0, 4, "host", 1))


def test_what_a_launcher_says(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert (ranks_from_environment(), is_follower()) == (None, False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert is_follower()
    with pytest.raises(ConfigError, match="WORLD_SIZE is 2, but MASTER_ADDR is not set"):
        ranks_from_environment()
    monkeypatch.setenv("MASTER_ADDR", "host")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert ranks_from_environment() == Ranks(1, 2, 1, 2, "host", 29500)
    monkeypatch.setenv("MASTER_PORT", "a lot")
    with pytest.raises(ConfigError, match="numbers and a host"):
        ranks_from_environment()
