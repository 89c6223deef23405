"""What `lightune export` and `lightune push` say, write and leave with."""

from __future__ import annotations

import json

import pytest

from lightune.exports import exporting
from tests.study.shared import unchanged

pytestmark = pytest.mark.full


@pytest.mark.parametrize("words", [("merged",), ("adapter", "--with-base"), ("onnx",)])
def test_an_export_answers_through_predict_as_the_study_does(finished, command, tmp_path, words):
    with unchanged(finished.folder):
        said = command("export", finished.folder, "--out", tmp_path / "out", "--format", *words)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1] == f"{words[0]}: {tmp_path / 'out'}"
    assert "tokenizer: pass" in said.out
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    found = command("predict", tmp_path / "out", "the plot is dull", "--json")
    assert (found.code, found.err) == (0, "")
    ours = json.loads(command("predict", finished.folder, "the plot is dull", "--json").out)
    assert json.loads(found.out)["probabilities"] == pytest.approx(ours["probabilities"], abs=1e-5)


def test_onnx_tells_what_int8_costs(finished, command, tmp_path):
    said = command("export", finished.folder, "--format", "onnx", "--out", tmp_path / "out", "--rows", "20")
    (line,) = [line for line in said.out.splitlines() if line.startswith("int8 on ")]
    assert line.startswith("int8 on 20 test rows: accuracy ")
    assert "rows get another label" in line


def test_an_export_as_json_is_what_export_json_says(finished, command, tmp_path):
    said = command(
        "export", finished.folder / "arms" / "lora", "--format", "merged", "--out", tmp_path / "out", "--json"
    )
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)
    value = json.loads(said.out)
    assert value.pop("out") == str(tmp_path / "out")
    assert value == json.loads((tmp_path / "out" / "export.json").read_text())


def test_a_study_s_figures_stand_in_the_card(finished, command, tmp_path):
    command("export", finished.folder, "--arm", "pretrained", "--format", "merged", "--out", tmp_path / "out")
    assert "| `pretrained` (this one) |" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{study} --format gguf --out {out}", "adapter, merged, onnx"),
        ("{study} --format merged", "--out"),
        ("{study} --out {out}", "--format"),
        ("{study} --format merged --with-base --out {out}", "--with-base"),
        ("{study} --format merged --arm dora --out {out}", "lora, pretrained"),
        ("{study} --format adapter --arm pretrained --out {out}", "--format merged"),
        ("{out} --format merged --out {out}", "does not exist"),
        ("{study} --format merged --out {study}", "earlier export"),
        ("{study} --format merged --out {study}/config.yaml", "it is a file"),
    ],
)
def test_what_cannot_be_exported_is_code_2_and_a_sentence(finished, command, tmp_path, words, said):
    with unchanged(finished.folder):
        got = command("export " + words.format(study=finished.folder, out=tmp_path / "out"))
    assert (got.code, got.out, got.err.count("\n")) == (2, "", 1)
    assert said in got.err
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_answers_otherwise_is_code_1_and_leaves_nothing(finished, command, tmp_path, monkeypatch):
    real = exporting.write_merged

    def broken(origin, folder):
        model = real(origin, folder)
        path = folder / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[-64:] = bytes(64)  # of a token that no text may have
        path.write_bytes(content)
        return model

    monkeypatch.setattr(exporting, "write_merged", broken)
    said = command("export", finished.folder, "--format", "merged", "--out", tmp_path / "out")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "does not answer as the original" in said.err
    assert list(tmp_path.iterdir()) == []


def test_push_refuses_without_an_export_or_a_token(finished, command, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    command("export", finished.folder, "--format", "merged", "--out", tmp_path / "out")
    for folder, words in ((finished.folder, "export.json"), (tmp_path / "out", "HF_TOKEN"), (tmp_path / "no", "exist")):
        said = command("push", folder, "you/it")
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert words in said.err
    monkeypatch.setenv("HF_TOKEN", "hf_token")
    assert "HF_HUB_OFFLINE" in command("push", tmp_path / "out", "you/it").err
