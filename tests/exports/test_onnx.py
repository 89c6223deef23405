"""An ONNX export answers as its original, however its rows are padded, and says what int8 costs."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import lightune
from lightune.artifacts import load_artifact
from lightune.compute import collate
from lightune.errors import ModelError, RunError
from lightune.exports import Order, export, exporting, read_record
from lightune.models import TracedClassifier
from lightune.models.traced import align
from tests.artifacts.helpers import save_adapted
from tests.fixtures.bases import answers, load, padded, token_rows

# Each makes and checks whole artefacts.
pytestmark = pytest.mark.full

TEXTS = ["", "bad", "the plot is dull", "a joy from the first scene", "good " * 100, "a joy <|endoftext|>"]


def _run(folder, inputs, graph="model.onnx"):
    session = onnxruntime.InferenceSession(str(folder / graph))
    return session.run(["logits"], {name: tensor.numpy() for name, tensor in inputs.items()})[0]


def test_float32_is_exact_alone_in_batches_and_on_either_side(exported, finished):
    folder, record = exported("onnx")
    artifact = load_artifact(finished.folder / "arms" / "lora")
    ours = artifact.scorer.score(TEXTS).logits
    rows = [torch.from_numpy(ids.astype(np.int64)) for ids in artifact.scorer.encoder.encode(TEXTS).ids]
    for at, row in enumerate(rows):
        np.testing.assert_allclose(_run(folder, padded([row], 0)), ours[[at]], atol=1e-5)
    for side in ("right", "left"):
        for width in (0, 64):
            np.testing.assert_allclose(_run(folder, padded(rows, 0, width, side)), ours, atol=1e-5)
    exact = {one.name: one for one in record.checks}
    assert set(exact) == {"tokenizer", "weights", "alone", "padded right", "padded left", "lightune", "int8"}
    assert all(one.outcome == "pass" for one in record.checks)
    assert max(one.difference for name, one in exact.items() if name != "int8") <= 1e-5


def test_rows_without_a_token_are_read_as_an_empty_text(exported, finished):
    ours = lightune.load(finished.folder).logits(["", "bad"])
    inputs = collate([np.array([0]), load_artifact(exported("onnx")[0]).scorer.encoder.encode(["bad"]).ids[0]], 0)
    inputs["attention_mask"][0] = 0
    np.testing.assert_allclose(_run(exported("onnx")[0], inputs), ours, atol=1e-5)


def test_lightune_runs_it_without_the_base_and_calls_it_verified(exported, finished, moved):
    loaded = lightune.load(moved(exported("onnx")[0]))
    assert loaded.verified
    assert loaded.label_names == ("bad", "good")
    np.testing.assert_allclose(loaded.logits(TEXTS), lightune.load(finished.folder).logits(TEXTS), atol=1e-5)


def test_the_graph_has_free_sizes_and_no_word_of_this_machine(exported, tiny_gpt2):
    folder, _ = exported("onnx")
    graph = onnx.load(folder / "model.onnx").graph
    assert [one.name for one in graph.input] == ["input_ids", "attention_mask"]
    for one in graph.input:
        assert one.type.tensor_type.elem_type == onnx.TensorProto.INT64
        assert all(size.dim_param for size in one.type.tensor_type.shape.dim)
    for name in ("model.onnx", "model.int8.onnx", "lightune.json", "config.json", "tokenizer_config.json"):
        found = (folder / name).read_bytes()
        for place in (str(tiny_gpt2), sys.prefix, "site-packages"):
            assert place.encode() not in found
    assert json.loads((folder / "config.json").read_text())["id2label"] == {"0": "bad", "1": "good"}


def test_int8_is_measured_on_the_study_s_test_rows(exported, finished):
    folder, record = exported("onnx")
    found = record.quantised
    assert found is not None
    assert found.rows == 60
    texts, labels = _test_rows(finished)
    for name, accuracy in (("model.onnx", found.float32), ("model.int8.onnx", found.int8)):
        encoder = load_artifact(folder).scorer.encoder
        logits = np.concatenate([_run(folder, collate([ids], 0), name) for ids in encoder.encode(texts).ids])
        assert accuracy.value == pytest.approx(np.mean(logits.argmax(axis=1) == labels), abs=1e-9)
        assert accuracy.low <= accuracy.value <= accuracy.high
    assert found.delta.value == pytest.approx(found.int8.value - found.float32.value)
    assert found.changed.value == found.changed_rows / 60
    assert found.int8_bytes < found.float32_bytes
    assert read_record(folder) == record
    assert "on 60 test rows" in (folder / "README.md").read_text()


def _test_rows(finished):
    from lightune.data import load_rows

    rows = load_rows(finished.folder / "data" / "test.parquet")
    return rows.texts, rows.labels


@pytest.mark.full
def test_int8_is_measured_on_as_many_rows_as_are_asked_for(finished, tmp_path):
    order = Order(finished.folder / "arms" / "lora", "onnx", tmp_path / "out", rows=7)
    heard = []
    record = export(order, on_rows=lambda done, total: heard.append((done, total)))
    assert record.quantised is not None
    assert record.quantised.rows == 7
    assert heard[-1] == (14, 14)


def test_without_the_texts_it_is_said_that_int8_was_not_measured(lone, tmp_path):
    record = export(Order(lone(), "onnx", tmp_path / "out"))
    assert record.quantised is None
    assert "was not measured" in (record.not_measured or "")
    assert record.not_measured in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.full
@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "llama"])
def test_every_architecture_is_exact(bases, tmp_path, kind):
    save_adapted(tmp_path / "lone", bases[kind], ("bad", "middling", "good"), truncate="tail", max_length=24)
    record = export(Order(tmp_path / "lone", "onnx", tmp_path / "out"))
    assert all(one.outcome == "pass" for one in record.checks)
    assert max(one.difference for one in record.checks if one.name != "int8") <= 1e-5


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_a_package_that_is_missing_is_named_with_how_to_get_it(lone, tmp_path, monkeypatch, package):
    folder = lone()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelError, match=rf"{package} is needed: pip install 'lightune\[onnx\]'"):
        export(Order(folder, "onnx", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_graph_without_onnx_runtime_is_refused_with_how_to_get_it(exported, monkeypatch):
    folder, _ = exported("onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"pip install 'lightune\[onnx\]'"):
        lightune.load(folder)


def test_a_damaged_graph_is_refused(exported, moved):
    there = moved(exported("onnx")[0])
    (there / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="cannot open it"):
        lightune.load(there)
    (there / "model.onnx").unlink()
    with pytest.raises(ModelError, match="is missing"):
        lightune.load(there)


def _other_numbers(folder):
    graph = onnx.load(folder / "model.onnx")
    for tensor in graph.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2:
            values = np.frombuffer(tensor.raw_data, np.float32) * np.float32(1.01)
            tensor.raw_data = values.tobytes()
    onnx.save(graph, folder / "model.onnx")


def _one_embedding(folder):
    graph = onnx.load(folder / "model.onnx")
    (tensor,) = [one for one in graph.graph.initializer if tuple(one.dims) == (400, 32)]
    values = np.frombuffer(tensor.raw_data, np.float32).copy()
    values[-32:] = 0  # of a token that none of the texts has
    tensor.raw_data = values.tobytes()
    onnx.save(graph, folder / "model.onnx")


@pytest.mark.full
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_other_numbers, "weights .*alone .*padded right .*padded left"),
        (_one_embedding, "weights"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"no"), "cannot be used once it is written"),
        (lambda folder: (folder / "model.int8.onnx").write_bytes(b"no"), "cannot be used once it is written"),
    ],
)
def test_a_graph_that_differs_is_not_named_done(lone, tmp_path, monkeypatch, damage, said):
    real = exporting.write_onnx

    def broken(origin, folder):
        model = real(origin, folder)
        damage(folder)
        return model

    folder = lone()
    monkeypatch.setattr(exporting, "write_onnx", broken)
    with pytest.raises(RunError, match=said):
        export(Order(folder, "onnx", tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base-gpt2", "lone"]


def test_a_model_beyond_what_a_graph_holds_is_refused(lone, tmp_path, monkeypatch):
    monkeypatch.setattr("lightune.exports.onnx.MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="--format merged"):
        export(Order(lone(), "onnx", tmp_path / "out"))


@pytest.mark.parametrize("kind", ["gpt2", "bert", "roberta", "llama"])
def test_the_traced_model_pools_as_the_loaded_one_does(bases, kind):
    rows = token_rows(1, 7, 30)
    model = load(bases[kind]).model
    ours = torch.cat([answers(model, **padded([row], 0)) for row in rows])
    traced = TracedClassifier(model).eval()
    for side in ("right", "left"):
        with torch.no_grad():
            found = traced(*padded(rows, 0, 40, side).values())
        np.testing.assert_allclose(found, ours, atol=1e-5)


def test_tokens_move_to_the_start_in_their_order():
    ids = torch.tensor([[9, 5, 9, 6, 7], [1, 2, 3, 4, 5], [9, 9, 9, 9, 9]])
    mask = torch.tensor([[0, 1, 0, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
    found, kept = align(ids, mask, 0)
    assert found.tolist() == [[5, 6, 7, 0, 0], [1, 2, 3, 4, 5], [0, 0, 0, 0, 0]]
    assert kept.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]]
