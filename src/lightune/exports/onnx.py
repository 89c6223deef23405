"""Format `onnx`: the classifier as a graph for ONNX Runtime, in float32 and in int8."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import PreTrainedModel

from lightune.artifacts import ONNX, write_manifest
from lightune.compute import INSTALL, OnnxScorer, collate, open_session, run_session
from lightune.errors import ModelError
from lightune.exports.checking import OTHER_ORDER, check, check_in_lightune, in_proportion, largest, stock_tokens
from lightune.exports.merged import self_contained
from lightune.exports.origin import Origin
from lightune.exports.tokenizers import write_tokenizer
from lightune.methods import merge
from lightune.models import TracedClassifier, quiet_transformers
from lightune.records import Check

GRAPH, INT8_GRAPH = "model.onnx", "model.int8.onnx"
OPSET = 20
BATCH = 8
# One file of Protocol Buffers holds at most 2 GiB.
MOST_BYTES = 2**31 - 2**26


def write_onnx(origin: Origin, folder: Path) -> PreTrainedModel:
    """Write both graphs, the tokenizer, the configuration with the labels, and the manifest; return the model.

    Uses the origin's model up.
    Inputs `input_ids` and `attention_mask`, int64 [rows, tokens], both sizes free; output `logits`, [rows, labels].
    Raises ModelError where a package is missing, the method cannot be merged or the model is too large.
    """
    need_onnx()
    with quiet_transformers():
        model = merge(origin.scorer.model)
    size = sum(parameter.numel() * 4 for parameter in model.parameters())
    if size > MOST_BYTES:
        raise ModelError(
            f"--format onnx: a graph holds at most 2 GiB, this model's weights are {size / 2**30:.1f} GiB in float32. "
            "Export it with --format merged."
        )
    with quiet_transformers(), quiet_exporters():
        model.config.problem_type = None
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(str(folder))
        write_tokenizer(origin, folder)
        trace(TracedClassifier(model).eval(), folder / GRAPH)
        quantise(folder / GRAPH, folder / INT8_GRAPH)
    write_manifest(folder, self_contained(origin.manifest, ONNX, graph=GRAPH))
    return model


def need_onnx() -> None:
    """Raise ModelError naming the extra where one of its packages is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ModelError(f"--format onnx: the package {error.name} is needed: {INSTALL}") from error


def trace(model: TracedClassifier, path: Path) -> None:
    """Trace `model` with torch.export and write it as one file, without the notes on where the code lies here."""
    import onnx

    ids = torch.full((3, 5), model.pad_id)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1]])
    free = torch.export.Dim.DYNAMIC
    with torch.no_grad():
        program = torch.onnx.export(
            model,
            (ids, mask),
            dynamo=True,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": {0: free, 1: free}, "attention_mask": {0: free, 1: free}},
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    for part in (graph, graph.graph, *graph.graph.node, *graph.graph.value_info, *graph.functions):
        part.ClearField("metadata_props")
    for function in graph.functions:
        for node in function.node:
            node.ClearField("metadata_props")
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


def quantise(graph: Path, target: Path) -> None:
    """Weights in int8, one scale an output channel; activations are scaled as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(graph), str(target), weight_type=QuantType.QInt8, per_channel=True)


def check_onnx(origin: Origin, folder: Path, model: PreTrainedModel) -> list[Check]:
    """The token embeddings beside those of `model`, in memory, and the float32 graph in ONNX Runtime: each text alone,
    in batches padded on the right and on the left, and through lightune; an empty text and a cut one are among them."""
    _, read = stock_tokens(origin, folder)
    session = open_session(folder / GRAPH)
    encoded = origin.encoder.encode(origin.texts)
    pad_id = int(origin.encoder.tokenizer.pad_token_id)
    ways = {
        "alone": [[at] for at in range(len(encoded))],
        "padded right": [list(range(at, min(at + BATCH, len(encoded)))) for at in range(0, len(encoded), BATCH)],
    }
    ways["padded left"] = ways["padded right"]
    tolerance = in_proportion(OTHER_ORDER, origin.logits)
    checks = [read, _same_embeddings(folder / GRAPH, model)]
    for name, batches in ways.items():
        logits = np.empty_like(origin.logits)
        for batch in batches:
            inputs = collate([encoded.ids[at] for at in batch], pad_id)
            logits[batch] = run_session(session, _left(inputs) if name == "padded left" else inputs)
        compared = f"logits of {len(encoded)} texts in ONNX Runtime, float32"
        checks.append(check(name, compared, largest(logits, origin.logits), tolerance))
    return [*checks, check_in_lightune(origin, folder, OTHER_ORDER), _runs_in_int8(origin, folder)]


def _same_embeddings(path: Path, model: PreTrainedModel) -> Check:
    """What texts alone do not show: no handful of them holds every token of the vocabulary."""
    import onnx

    ours = cast(torch.Tensor, model.get_input_embeddings().weight).detach().numpy()
    held = onnx.load(str(path)).graph.initializer
    found = [onnx.numpy_helper.to_array(one) for one in held if tuple(one.dims) == ours.shape]
    difference = min((largest(one, ours) for one in found), default=math.nan)
    return check("weights", f"the embeddings of {len(ours):,} tokens, value by value", difference, 0)


def _runs_in_int8(origin: Origin, folder: Path) -> Check:
    """The int8 graph answers; how far off is said, and what it costs is measured on the test rows."""
    scorer = OnnxScorer(folder / INT8_GRAPH, origin.encoder)
    difference = largest(scorer.score(origin.texts).logits, origin.logits)
    found = check("int8", f"logits of {len(origin.texts)} texts in ONNX Runtime, int8", difference, math.inf)
    return replace(found, tolerance=None)


def _left(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same rows with their padding in front."""
    shifts = (inputs["attention_mask"] == 0).sum(dim=1).tolist()
    return {
        name: torch.stack([row.roll(shift) for row, shift in zip(tensor, shifts, strict=True)])
        for name, tensor in inputs.items()
    }


@contextmanager
def quiet_exporters() -> Iterator[None]:
    """Keep what torch.export, onnxscript and ONNX Runtime say to their developers from people."""
    before: Any = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for module in ("torch", "onnxscript", "onnx", "onnxruntime", "copyreg"):
                warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
            yield
    finally:
        logging.disable(before)
