"""`lightune render`: to standard output or a new file, from a study's folder or a file."""

from __future__ import annotations

import pytest

from lightune.config import StudyConfig, config_to_yaml


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "config.yaml").write_text(config_to_yaml(StudyConfig()))
    monkeypatch.chdir(tmp_path)
    return "runs"


def test_a_study_s_folder_goes_on_in_its_place(study, command):
    said = command("render", study, "--for", "slurm", "--nodes", 2)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("#!/bin/bash\n#SBATCH --job-name=lightune-runs\n#SBATCH --nodes=2\n")
    assert said.out.endswith("    --config=runs/config.yaml \\\n    --out=runs\n")


def test_a_file_needs_the_study_s_folder(study, command):
    said = command("render", f"{study}/config.yaml", "--for", "slurm")
    assert (said.code, said.out) == (2, "")
    assert said.err == "lightune: --out: the study's folder on the cluster is expected, where STUDY is a file.\n"
    assert "--out=elsewhere\n" in command("render", f"{study}/config.yaml", "--for", "slurm", "--out", "elsewhere").out


def test_it_goes_into_a_new_file_and_never_over_one(study, command, tmp_path):
    words = ("render", study, "--for", "kubernetes", "--image", "lightune:1", "--executor", "ray", "--output", "a.yaml")
    said = command(*words)
    assert (said.code, said.out, said.err) == (0, "", "")
    assert (tmp_path / "a.yaml").read_text() == command(*words[:-2]).out
    (tmp_path / "a.yaml").write_text("changed by hand")
    said = command(*words)
    assert (said.code, said.out) == (2, "")
    assert "--output a.yaml: a new file is expected, but it is there." in said.err
    assert (tmp_path / "a.yaml").read_text() == "changed by hand"


def test_what_is_wrong_is_said_and_nothing_written(study, command, tmp_path):
    for words, sentence in (
        (("none.yaml", "--for", "slurm"), "none.yaml: a study's configuration in YAML, or its folder, is expected"),
        ((study, "--for", "slurm", "--nodes", "0"), "--nodes: 1 to 10,000 is expected, got 0."),
        ((study, "--for", "kubernetes"), "--image: Kubernetes runs images"),
        ((study, "--for", "slurm", "--output", "no/such/a.sh"), "the folder no/such does not exist"),
    ):
        said = command("render", *words, *(() if "--output" in words else ("--output", "a")))
        assert (said.code, said.out) == (2, "")
        assert sentence in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
