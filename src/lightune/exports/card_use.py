"""How to use an export, as code that runs as it stands once the folder is named."""

from __future__ import annotations

from lightune.exports.adapter import BASE_FOLDER
from lightune.exports.naming import hub_id
from lightune.exports.onnx import GRAPH, INT8_GRAPH
from lightune.exports.origin import Origin
from lightune.exports.records import ADAPTER, MERGED, ExportRecord

FOLDER = "path/to/this/folder"

_PEFT = """```python
import torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder = "{folder}"
names = {names}
tokenizer = AutoTokenizer.from_pretrained(folder)
base = AutoModelForSequenceClassification.from_pretrained(
    {base}, num_labels=len(names), pad_token_id=tokenizer.pad_token_id, ignore_mismatched_sizes=True
)
model = PeftModel.from_pretrained(base, folder).eval()
batch = tokenizer(["a text"], truncation=True, return_tensors="pt")
with torch.no_grad():
    logits = model(**batch).logits
print(names[int(logits.argmax())], logits.softmax(-1).tolist())
```

{note}"""

_PIPELINE = """```python
from transformers import pipeline

classify = pipeline("text-classification", model="{folder}")
print(classify(["a text", "another one"], truncation=True))
```

Without `truncation=True` the pipeline hands longer texts to the model whole, which is not what was measured.

The folder is a stock one, so servers of such models can take it. Neither was run when this card was written:

```bash
vllm serve {folder} --runner pooling
text-embeddings-router --model-id {folder}
```"""

_ONNX = """With `onnxruntime`, `numpy` and the tokenizer of `transformers`:

```python
import numpy as np
import onnxruntime
from transformers import AutoTokenizer

folder = "{folder}"
names = {names}
tokenizer = AutoTokenizer.from_pretrained(folder)
session = onnxruntime.InferenceSession(folder + "/{graph}")


def probabilities(texts):
    rows = [ids or [tokenizer.pad_token_id] for ids in tokenizer(texts, truncation=True)["input_ids"]]
    ids = np.full((len(rows), max(map(len, rows))), tokenizer.pad_token_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    (logits,) = session.run(["logits"], {{"input_ids": ids, "attention_mask": mask}})
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


for row in probabilities(["a text", "another one"]):
    print(names[row.argmax()], row.tolist())
```

`{int8}` takes its place where size and speed count for more. Rows and tokens are free; padding may stand on either
side, since the graph goes by the mask."""

_LIGHTUNE = """With lightune:

```bash
lightune predict {folder} "a text"
```"""


def use_text(origin: Origin, record: ExportRecord, with_base: bool) -> str:
    """The code for this format, and lightune's own command."""
    values = {"folder": FOLDER, "names": repr(list(origin.manifest.label_names)), "graph": GRAPH, "int8": INT8_GRAPH}
    if record.kind == ADAPTER:
        base, note = _base(origin, with_base)
        own = _PEFT.format(**values, base=base, note=note)
    else:
        own = (_PIPELINE if record.kind == MERGED else _ONNX).format(**values)
    return f"{own}\n\n{_LIGHTUNE.format(folder=FOLDER)}"


def _base(origin: Origin, with_base: bool) -> tuple[str, str]:
    """The base in the code of the card, and what there is to say of it."""
    name = origin.manifest.base.name if origin.manifest.base is not None else ""
    if with_base:
        return f'folder + "/{BASE_FOLDER}"', (
            "The two belong together and can be moved together. `adapter_config.json` names its base as "
            f"`./{BASE_FOLDER}`, which peft looks for in the working folder: its own `AutoPeftModel…` classes find it "
            "only when they are called from inside this one."
        )
    if hub_id(name) is not None:
        return repr(name), "The base is fetched from the hub, or from where it was fetched before."
    return "PeftConfig.from_pretrained(folder).base_model_name_or_path", (
        "The base is a folder of the machine that made this, named in `adapter_config.json`, and is not in here. "
        "Elsewhere name your own copy of it; `lightune export --format adapter --with-base` makes a pair that can be "
        "moved."
    )
