"""An exported ONNX graph in ONNX Runtime. Both are optional: nothing here is imported before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lightune.compute.batching import collate, length_batches
from lightune.compute.encoding import Encoder
from lightune.compute.scorer import OnRows, Scored
from lightune.errors import ModelError

INSTALL = "pip install 'lightune[onnx]'"
WARNINGS, ERRORS = 2, 3  # ONNX Runtime's own levels of what it prints


def open_session(graph: Path) -> Any:
    """Open `graph` in ONNX Runtime on the CPU, with as many threads as torch has. Raises ModelError."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(f"{graph}: ONNX Runtime is needed to run it: {INSTALL}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = ERRORS
    if not graph.is_file():
        raise ModelError(f"{graph}: the exported graph is expected there, but is missing. Export it again.")
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class of their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{graph}: ONNX Runtime cannot open it ({reason}). Export it again.") from error


def run_session(session: Any, inputs: dict[str, torch.Tensor]) -> NDArray[np.float64]:
    """Logits [rows, labels] for `input_ids` and `attention_mask`, int64 [rows, tokens]."""
    (logits,) = session.run(["logits"], {name: tensor.numpy() for name, tensor in inputs.items()})
    return np.asarray(logits, dtype=np.float64)


class OnnxScorer:
    """A graph that gives logits, and the encoder of its texts."""

    def __init__(self, graph: Path, encoder: Encoder) -> None:
        self.encoder = encoder
        self.session = open_session(graph)

    def score(self, texts: Sequence[str], on_rows: OnRows | None = None) -> Scored:
        """Run the graph over the texts in batches of like length, cut at the encoder's limit."""
        encoded = self.encoder.encode(texts)
        pad_id = int(self.encoder.tokenizer.pad_token_id)
        logits: NDArray[np.float64] | None = None
        for batch in length_batches(encoded.lengths):
            answers = run_session(self.session, collate([encoded.ids[row] for row in batch], pad_id))
            if logits is None:
                logits = np.empty((len(encoded), answers.shape[1]))
            logits[batch] = answers
            if on_rows is not None:
                on_rows(len(batch))
        return Scored(np.empty((0, 0)) if logits is None else logits, int(encoded.lengths.sum()), encoded.cut)
