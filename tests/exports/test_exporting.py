"""An export takes its place whole or not at all, and what cannot be exported is refused before anything is written."""

from __future__ import annotations

import numpy as np
import pytest

from lightune.artifacts import MAJORITY, Manifest, save_majority_artifact
from lightune.errors import ConfigError, ModelError
from lightune.exports import Order, export, exporting
from lightune.exports.checking import check
from lightune.exports.naming import base_name, hub_id
from lightune.exports.origin import checked_texts
from lightune.inference import study_of
from lightune.records import FAIL, PASS
from tests.fixtures.bases import load
from tests.fixtures.models import save_classifier
from tests.study.shared import snapshot, unchanged

# Each makes and checks whole artefacts.
pytestmark = pytest.mark.full


@pytest.mark.parametrize("step", ["write_merged", "check_merged", "render_card", "write_record"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_export_that_breaks_off_leaves_nothing(lone, tmp_path, monkeypatch, step, error):
    folder = lone()

    def broken(*_):
        raise error

    monkeypatch.setattr(exporting, step, broken)
    with unchanged(folder), pytest.raises((KeyboardInterrupt, OSError, exporting.RunError)):
        export(Order(folder, "merged", tmp_path / "new" / "deep" / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base-gpt2", "lone"]


def test_an_export_that_breaks_off_leaves_the_earlier_one(lone, tmp_path, monkeypatch):
    folder, out = lone(), tmp_path / "out"
    export(Order(folder, "adapter", out))

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "render_card", broken)
    with unchanged(tmp_path), pytest.raises(KeyboardInterrupt):
        export(Order(folder, "merged", out))


def test_an_earlier_export_gives_way_to_a_new_one(lone, tmp_path):
    folder, out = lone(), tmp_path / "out"
    export(Order(folder, "adapter", out, with_base=True))
    export(Order(folder, "merged", out))
    assert not (out / "base").exists()
    assert not (out / "adapter_config.json").exists()
    before = {name: digest for name, digest in snapshot(out).items() if name.endswith((".json", ".md"))}
    export(Order(folder, "merged", out))
    after = snapshot(out)
    assert {name: after[name] for name in before} == before  # nothing in it tells when or where it was made


def _filled(out, _):
    out.mkdir()
    (out / "thesis.txt").write_text("mine")


def _exported_and(name):
    """An export with a file of somebody's own, or one that somebody wrote to."""

    def prepare(out, folder):
        export(Order(folder, "adapter", out))
        (out / name).write_text("mine")

    return prepare


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (_filled, "it holds thesis.txt"),
        (lambda out, _: out.write_text("mine"), "it is a file"),
        (_exported_and("notes.md"), "notes.md is not part"),
        (_exported_and("README.md"), "README.md has changed"),
    ],
)
def test_a_place_that_holds_something_else_is_left_alone(lone, tmp_path, prepare, said):
    folder, out = lone(), tmp_path / "out"
    prepare(out, folder)
    with unchanged(tmp_path), pytest.raises(ConfigError, match=said):
        export(Order(folder, "merged", out))


def test_an_empty_folder_is_taken(lone, tmp_path):
    (tmp_path / "out").mkdir()
    export(Order(lone(), "merged", tmp_path / "out"))
    assert (tmp_path / "out" / "export.json").is_file()


@pytest.mark.parametrize("kind", ["adapter", "merged", "onnx"])
def test_an_arm_that_is_no_classifier_of_transformers_is_refused(tmp_path, kind):
    manifest = Manifest(1, "0.1.0", "majority", MAJORITY, None, ("a", "b"), "b", None, None, 0, 4, "fingerprint")
    save_majority_artifact(tmp_path / "majority", np.array([0.5, 0.5]), manifest)
    with pytest.raises(ModelError, match="majority is of the kind majority, which no export holds"):
        export(Order(tmp_path / "majority", kind, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_what_others_made_is_refused(tmp_path):
    folder = save_classifier(tmp_path / "stock", ("bad", "good"))
    with pytest.raises(ModelError, match="stock peft or transformers made this one"):
        export(Order(folder, "merged", tmp_path / "out"))


def test_an_onnx_export_is_not_exported_again(exported, tmp_path):
    with pytest.raises(ModelError, match="of the kind onnx"):
        export(Order(exported("onnx")[0], "merged", tmp_path / "out"))


@pytest.mark.parametrize("arm", ["pretrained"])
def test_what_is_no_adapter_is_not_exported_as_one(finished, tmp_path, arm):
    with pytest.raises(ModelError, match="--format merged"):
        export(Order(finished.folder / "arms" / arm, "adapter", tmp_path / "out"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "gguf"}, "adapter, merged, onnx are known"),
        ({"kind": "merged", "with_base": True}, "--with-base goes with --format adapter"),
        ({"kind": "merged", "rows": 5}, "--format onnx"),
        ({"kind": "onnx", "rows": 0}, "1 or more rows"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, values, said):
    with pytest.raises(ConfigError, match=said):
        Order(folder=tmp_path, out=tmp_path, **values)


def test_the_study_of_an_arm_is_found_from_its_folder(finished, tmp_path):
    assert study_of(finished.folder / "arms" / "lora") == finished.folder.resolve()
    assert study_of(finished.folder / "arms" / "lora" / "seeds" / "1") == finished.folder.resolve()
    assert study_of(tmp_path) is None


def test_the_texts_hold_an_empty_one_a_cut_one_and_one_that_ends_in_a_special_token(finished, bases):
    from lightune.compute import Encoder

    tokenizer = load(bases["gpt2"]).tokenizer
    texts = checked_texts(Encoder(tokenizer, 64, "head"), ["short", "a longer one", "x " * 500])
    assert "" in texts
    assert any(text.endswith(tokenizer.eos_token) for text in texts)
    assert {"short", "a longer one", "x " * 500} <= set(texts)
    assert Encoder(tokenizer, 64, "head").encode(texts).cut.any()


def test_a_difference_that_is_no_number_fails():
    assert check("a", "b", float("nan"), 1.0).outcome == FAIL
    assert check("a", "b", 1.1, 1.0).outcome == FAIL
    assert check("a", "b", 1.0, 1.0).outcome == PASS


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("gpt2", "gpt2"),
        ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B"),
        ("embedded", None),
        ("/models/gpt2", None),
        ("./gpt2", None),
        ("a/b/c", None),
        ("reviews.csv", None),
    ],
)
def test_a_hub_id_is_told_from_a_path(name, known):
    assert hub_id(name) == known
    assert "/" not in base_name(name) or known is not None
