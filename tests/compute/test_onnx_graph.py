"""A graph that keeps numbers in a file elsewhere is not opened."""

from pathlib import Path

import numpy as np
import pytest

from lightune.compute.onnx_graph import open_session
from lightune.errors import ModelError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def write_graph(path: Path, location: str) -> None:
    """A graph that adds four numbers, which lie in the file at `location`."""
    held = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    held.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", "16")):
        entry = held.external_data.add()
        entry.key, entry.value = key, value
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4]) for name in ("x", "logits")]
    node = onnx.helper.make_node("Add", ["x", "w"], ["logits"])
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:], [held])
    versions = [onnx.helper.make_opsetid("", 17)]
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=versions, ir_version=10).SerializeToString())


@pytest.mark.parametrize("location", ["../numbers.bin", "ABSOLUTE"])
def test_numbers_elsewhere_are_not_read(tmp_path: Path, location: str) -> None:
    (tmp_path / "in").mkdir()
    for folder in (tmp_path, tmp_path / "in"):
        np.ones(4, np.float32).tofile(folder / "numbers.bin")
    graph = tmp_path / "in" / "model.onnx"
    write_graph(graph, "numbers.bin")
    open_session(graph)
    write_graph(graph, location.replace("ABSOLUTE", str(tmp_path / "numbers.bin")))
    with pytest.raises(ModelError, match="ONNX Runtime cannot open it"):
        open_session(graph)
