"""optimum-intel with OpenVINO in float32, in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common.serve import Session
from benchmarks.sides.stock_pipeline import answer_with


def run(spec: dict[str, Any], session: Session) -> None:
    """spec: as of stock_pipeline, and exported (a folder that keeps the graph), threads."""
    import openvino
    import transformers
    from optimum.intel import OVModelForSequenceClassification

    exported = Path(spec["exported"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(spec["model"])
    # Its default on some processors is bfloat16, which would be another model than the others answer with.
    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(spec["threads"])}
    if not (exported / "openvino_model.xml").exists():
        made = OVModelForSequenceClassification.from_pretrained(spec["model"], export=True, load_in_8bit=False)
        made.save_pretrained(exported)
    model = OVModelForSequenceClassification.from_pretrained(exported, ov_config=config)
    classify = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
    versions = {"openvino": openvino.__version__, "transformers": transformers.__version__}
    answer_with(classify, spec, session, **versions)
