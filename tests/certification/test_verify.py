"""`lightune verify`: what a study made, certified again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from lightune.certification import CERTIFICATE, REFERENCE, read_certificate, verify
from lightune.certification.verify import CHANGED, SEEN_IN_TRAINING
from lightune.models import quiet_transformers
from lightune.records import NOT_APPLICABLE, PASS
from tests.certification.test_broken_on_disk import edit_tensors, flip_a_number
from tests.certification.trained import failed, line
from tests.study.shared import Finished, unchanged, write_reviews

# Each makes and checks whole artefacts.
pytestmark = pytest.mark.full

Command = Callable[..., Any]


@pytest.fixture
def study(finished: Finished, tmp_path: Path) -> Path:
    """A study of one's own to change."""
    return finished.copy(tmp_path / "study")


@pytest.fixture
def lone(finished: Finished, tmp_path: Path) -> Path:
    """An arm's folder without its study."""
    return Path(shutil.copytree(finished.folder / "arms" / "lora", tmp_path / "lone"))


def assert_refused(said: Any, *words: str) -> None:
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("lightune: ")
    assert said.err.count("\n") == 1
    assert all(word in said.err for word in words), said.err


def test_every_arm_of_a_study_has_its_certificate(finished: Finished) -> None:
    for arm in ("lora", "pretrained"):
        certificate = read_certificate(finished.folder / "arms" / arm)
        assert certificate is not None
        assert certificate.passed
        assert certificate.arm == arm
        assert len(certificate.row_ids) == 60  # all of its test rows


def test_a_study_and_an_arm_of_it(study: Path, command: Command) -> None:
    before = read_certificate(study / "arms" / "lora")
    said = command("verify", study)
    assert (said.code, said.err) == (0, "")
    assert "passes" in said.out
    assert all(check.name in said.out for check in before.checks)
    after = read_certificate(study / "arms" / "lora")
    assert after.passed
    assert line(after, CHANGED).outcome == PASS
    assert [line(after, name) for name in SEEN_IN_TRAINING] == [line(before, name) for name in SEEN_IN_TRAINING]
    assert line(after, "saved = in memory").compared.endswith("in memory when made")
    said = command("verify", study / "arms" / "lora", "--json")
    assert said.code == 0
    assert json.loads(said.out) == json.loads((study / "arms" / "lora" / CERTIFICATE).read_text())


def test_twice_gives_the_same_to_the_byte(study: Path) -> None:
    path, _ = verify(study)
    with unchanged(study):
        verify(study, "lora")
    assert path == study / "arms" / "lora"


def test_another_arm_and_none_that_is_not_there(study: Path, command: Command) -> None:
    said = command("verify", study, "--arm", "pretrained", "--json")
    assert said.code == 0
    assert json.loads(said.out)["arm"] == "pretrained"
    with unchanged(study):
        assert_refused(command("verify", study, "--arm", "dora"), "--arm dora", "lora, pretrained")
        assert_refused(command("verify", study / "nowhere"), "does not exist")


def test_an_arm_without_its_study_wants_texts(lone: Path, finished: Finished, command: Command) -> None:
    with unchanged(lone):
        assert_refused(command("verify", lone), "real texts are expected", "--data")
        assert_refused(command("verify", lone, "--data", lone / "absent.csv"), "absent.csv")
    said = command("verify", lone, "--data", finished.config.data.source, "--json")
    assert said.code == 0
    # They are the rows of then, so the logits of then are what it is set beside.
    assert line(read_certificate(lone), "saved = in memory").compared.endswith("in memory when made")


def test_other_texts_than_those_of_then(lone: Path, tmp_path: Path, command: Command) -> None:
    data = write_reviews(tmp_path / "others", 30, 20)
    rows = (data / "test.csv").read_text().replace("Review", "Opinion")
    (data / "test.csv").write_text(rows)
    assert command("verify", lone, "--data", data).code == 0
    certificate = read_certificate(lone)
    assert len(certificate.row_ids) == 20
    assert line(certificate, "saved = in memory").compared.endswith("loaded here")


def test_a_study_that_keeps_no_texts(study: Path, finished: Finished, command: Command) -> None:
    shutil.rmtree(study / "data")
    with unchanged(study):
        assert_refused(command("verify", study), "the study has kept no texts", "--data")
    assert command("verify", study, "--data", finished.config.data.source).code == 0


def test_a_damaged_file_of_texts(study: Path, command: Command) -> None:
    path = study / "data" / "test.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with unchanged(study):
        assert_refused(command("verify", study), "test.parquet", "--data")


def test_a_number_that_changed(study: Path, command: Command) -> None:
    edit_tensors(study / "arms" / "lora" / "adapter_model.safetensors", flip_a_number)
    for _ in range(2):  # a second look does not take the change for granted
        said = command("verify", study)
        assert said.code == 1
        assert "FAILS 2 of its checks" in said.out
        certificate = read_certificate(study / "arms" / "lora")
        assert failed(certificate) == {CHANGED, "saved = in memory"}
        assert line(certificate, CHANGED).reason == "changed: adapter_model.safetensors"
        assert line(certificate, SEEN_IN_TRAINING[0]).outcome == NOT_APPLICABLE


def test_one_bit_that_changes_no_answer(study: Path, command: Command) -> None:
    path = study / "arms" / "lora" / "adapter_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)
    assert command("verify", study).code == 1
    assert CHANGED in failed(read_certificate(study / "arms" / "lora"))


def test_a_line_of_the_manifest_that_was_edited(study: Path, command: Command) -> None:
    path = study / "arms" / "lora" / "lightune.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 7'))
    said = command("verify", study, "--json")
    assert said.code == 1
    assert CHANGED in {check["name"] for check in json.loads(said.out)["checks"] if check["outcome"] == "fail"}
    path.write_text("{")
    assert_refused(command("verify", study), "lightune.json", "JSON is expected")


def test_numbers_that_are_none(study: Path, command: Command) -> None:
    path = study / "arms" / "lora" / "adapter_model.safetensors"
    edit_tensors(path, lambda tensors: next(iter(tensors.values())).fill_(float("nan")))
    with unchanged(study):
        assert_refused(command("verify", study), "finite numbers are expected")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "{}", '{"format": 1}', "\x00\xff", "other format"])
def test_a_certificate_that_is_damaged_is_none(study: Path, text: str) -> None:
    path = study / "arms" / "lora" / CERTIFICATE
    content = path.read_text().replace('"format": 1', '"format": 2') if text == "other format" else text
    path.write_text(content, encoding="latin-1")
    assert read_certificate(study / "arms" / "lora") is None


def test_an_arm_whose_certificate_is_damaged_has_all_lines_but_those_of_then(study: Path, command: Command) -> None:
    (study / "arms" / "lora" / CERTIFICATE).write_text("{")
    assert command("verify", study).code == 0
    certificate = read_certificate(study / "arms" / "lora")
    lost = {check.name: check.reason for check in certificate.checks if check.outcome == NOT_APPLICABLE}
    assert lost == {
        CHANGED: "there is no certificate of then that can be read",
        **dict.fromkeys(SEEN_IN_TRAINING, "it can only be seen while it is trained"),
    }
    assert line(certificate, "stock peft").outcome == PASS


def test_logits_of_then_that_are_damaged_count_as_none(study: Path, command: Command) -> None:
    path = study / "arms" / "lora" / REFERENCE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert command("verify", study).code == 0
    check = line(read_certificate(study / "arms" / "lora"), "saved = in memory")
    assert check.compared.endswith("loaded here")


def test_what_stock_peft_made_can_be_verified_with_texts(
    tiny_gpt2: Path, finished: Finished, tmp_path: Path, command: Command
) -> None:
    with quiet_transformers():
        base = AutoModelForSequenceClassification.from_pretrained(str(tiny_gpt2), num_labels=2, pad_token_id=0)
    config = peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["c_attn"], fan_in_fan_out=True)
    torch.manual_seed(3)
    model = peft.get_peft_model(base, config)
    model.save_pretrained(str(tmp_path / "stock"))
    assert_refused(command("verify", tmp_path / "stock"), "no study is around it")
    for _ in range(2):
        assert command("verify", tmp_path / "stock", "--data", finished.config.data.source).code == 0
        certificate = read_certificate(tmp_path / "stock")
        assert (certificate.arm, certificate.kind) == ("", "stock")
        assert line(certificate, "merged = unmerged").outcome == PASS
        assert line(certificate, "stock peft").reason == "it is not lightune's own"
