"""A push to a stand-in for the hub: what arrives, where the token goes, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightune.errors import ConfigError, ModelError
from lightune.exports import push_export
from tests.docs.blocks import ROOT
from tests.fixtures.hub import hub
from tests.study.shared import snapshot

TOKEN = "hf_SecretOfThisTest0123456789"


@pytest.fixture
def send(tmp_path):
    """Run `lightune push` in a process of its own, with its own home; what it left with, said, and wrote there."""

    def run(*words, **changes):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        # The protocol of the hub's newer storage is no part of the stand-in; without it files go by LFS.
        environment = {**plain, "HF_HUB_DISABLE_XET": "1", "HOME": str(home), "PYTHONPATH": str(ROOT / "src")}
        environment |= {"HF_TOKEN": TOKEN, **changes}
        # The hub's library waits between tries: not here.
        code = "import sys, time; time.sleep = lambda _: None; from lightune.cli.main import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", code, "push", *map(str, words)],
            env={name: value for name, value in environment.items() if value},
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
        )
        for path in home.rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
        assert TOKEN not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr or "--debug" in words
        return done

    return run


@pytest.mark.full
def test_what_arrives_is_the_export_byte_for_byte(exported, send):
    for name in ("pair", "onnx"):
        folder, _ = exported(name)
        with hub() as there:
            before = snapshot(folder)
            done = send(folder, "you/it", "--private", HF_ENDPOINT=there.address)
            assert (done.returncode, done.stderr) == (0, "")
            assert f"pushed: {there.address}/you/it" in done.stdout
            assert snapshot(folder) == before
            files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
            assert set(there.files) == files
            for file in files:
                assert there.files[file] == (folder / file).read_bytes(), file
            assert there.repository["visibility"] == "private"
            assert (there.repository["organization"], there.repository["name"]) == ("you", "it")
            for method, path, headers, body in there.requests:
                assert TOKEN not in path
                assert TOKEN.encode() not in body
                carrying = {header.lower() for header, value in headers.items() if TOKEN in value}
                assert carrying <= {"authorization"}, (method, path)
                # What goes to the storage's own address is allowed by that address alone.
                assert not (carrying and path.startswith("/upload/")), path
            (sent,) = [headers for _, path, headers, _ in there.requests if "/commit/" in path]
            assert sent["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.full
def test_it_is_public_only_where_private_is_not_asked_for(exported, send):
    with hub() as there:
        assert send(exported("merged")[0], "you/it", HF_ENDPOINT=there.address).returncode == 0
        assert there.repository.get("visibility") in (None, "public")


@pytest.mark.full
@pytest.mark.parametrize(("status", "said"), [(401, "(401)"), (403, "(403)")])
def test_a_token_that_the_hub_refuses_is_told_in_a_sentence(exported, send, status, said):
    with hub() as there:
        there.status = status
        done = send(exported("merged")[0], "you/it", "--debug", HF_ENDPOINT=there.address)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "HF_TOKEN" in done.stderr.splitlines()[-1]
    assert there.files == {}


@pytest.mark.full
def test_a_fault_of_the_hub_and_no_hub_at_all_are_told_in_a_sentence(exported, send):
    folder, _ = exported("merged")
    with hub() as there:
        there.status = 500
        done = send(folder, "you/it", HF_ENDPOINT=there.address)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "did not take you/it" in done.stderr
    done = send(folder, "you/it", "--debug", HF_ENDPOINT=there.address)
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr.splitlines()[-1]


@pytest.mark.full
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"HF_TOKEN": ""}, "HF_TOKEN"),
        ({"HF_TOKEN": f"{TOKEN} and more"}, "HF_TOKEN"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
    ],
)
def test_without_a_token_or_a_line_nothing_is_sent(exported, send, tmp_path, changes, said):
    saved = tmp_path / "home" / ".cache" / "huggingface" / "token"
    saved.parent.mkdir(parents=True)
    saved.write_text("hf_saved_by_a_login")
    with hub() as there:
        done = send(exported("merged")[0], "you/it", HF_ENDPOINT=there.address, **changes)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert said in done.stderr
        assert there.requests == []


@pytest.mark.full
def test_a_saved_login_is_not_read(exported, send, tmp_path):
    saved = tmp_path / "home" / ".cache" / "huggingface" / "token"
    saved.parent.mkdir(parents=True)
    saved.write_text("hf_saved_by_a_login")
    with hub() as there:
        assert send(exported("merged")[0], "you/it", HF_ENDPOINT=there.address).returncode == 0
        for _, _, headers, _ in there.requests:
            assert "hf_saved_by_a_login" not in json.dumps(headers)


def _add(folder: Path) -> None:
    (folder / ".env").write_text("PASSWORD=secret")


def _change(folder: Path) -> None:
    (folder / "README.md").write_text("better")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_add, r"\.env is not part of it"),
        (_change, "README.md has changed"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json is gone"),
        (lambda folder: (folder / "export.json").write_text("{}"), "cannot be read"),
        (lambda folder: (folder / "export.json").unlink(), "export` wrote is expected"),
    ],
)
def test_a_folder_that_is_not_what_was_verified_is_not_sent(exported, moved, spoil, said):
    there = moved(exported("merged")[0])
    spoil(there)
    with pytest.raises(ModelError, match=said):
        push_export(there, "you/it", False, {"HF_TOKEN": TOKEN})


def test_an_adapter_whose_base_lies_here_is_not_sent(exported):
    with pytest.raises(ModelError, match="--with-base"):
        push_export(exported("adapter")[0], "you/it", False, {"HF_TOKEN": TOKEN})


def test_a_study_s_arm_and_a_folder_that_is_not_there_are_not_sent(finished, tmp_path):
    with pytest.raises(ModelError, match="Export the arm first"):
        push_export(finished.folder / "arms" / "lora", "you/it", False, {"HF_TOKEN": TOKEN})
    with pytest.raises(ModelError, match="does not exist"):
        push_export(tmp_path / "absent", "you/it", False, {"HF_TOKEN": TOKEN})


@pytest.mark.parametrize("name", ["a/b/c", "", "..", "you/it it"])
def test_a_name_that_no_repository_can_have_is_refused(exported, name):
    with pytest.raises(ConfigError, match="you/name"):
        push_export(exported("merged")[0], name, False, {"HF_TOKEN": TOKEN})
