"""optimum with ONNX Runtime in float32, in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session
from benchmarks.sides.stock_pipeline import answer_with


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: as of stock_pipeline, and exported (a folder that keeps the graph), threads."""
    import onnxruntime
    import transformers
    from optimum.onnxruntime import ORTModelForSequenceClassification

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = spec["threads"]
    exported = Path(spec["exported"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(spec["model"])
    if not (exported / "model.onnx").exists():
        ORTModelForSequenceClassification.from_pretrained(spec["model"], export=True).save_pretrained(exported)
    model = ORTModelForSequenceClassification.from_pretrained(exported, session_options=options)
    classify = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
    versions = {"onnxruntime": onnxruntime.__version__, "transformers": transformers.__version__}
    answer_with(classify, spec, session, **versions)
