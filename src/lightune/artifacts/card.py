"""The model card that goes with an artefact."""

from __future__ import annotations

import yaml

from lightune.artifacts.manifest import (
    ADAPTER,
    BASE,
    DELTA,
    MAJORITY,
    MODEL,
    ONNX,
    PLUGIN,
    PROBE,
    TFIDF,
    ZERO_SHOT,
    Manifest,
)
from lightune.markdown import code, markdown

_LIBRARY = {
    ADAPTER: ("peft", ["peft"]),
    BASE: ("transformers", []),
    MODEL: ("transformers", []),
    ONNX: ("onnx", []),
}
_WHAT = {
    ADAPTER: "a {arm} adapter for {base}",
    DELTA: "{base} with a few of its weights trained ({arm})",
    BASE: "the base model as it is",
    MODEL: "{base} with all of its weights trained",
    MAJORITY: "the commonest label, whatever the text",
    TFIDF: "TF-IDF features with logistic regression",
    PROBE: "logistic regression on the frozen features of {base}",
    ZERO_SHOT: "the answer of {base} to a prompt",
    ONNX: "{base} as an ONNX graph",
    PLUGIN: "the arm {arm} of another package",
}

TEXT = """---
{front}---

# {title}

Made by lightune {version}: {what}, for one label a text.

- Labels: {labels}
- Texts are {cut}.
- Training rows: {train_size}; seed {seed}; data fingerprint `{fingerprint}`.

## Use

```python
import lightune

classifier = lightune.load("path/to/this/folder")
print(classifier.predict(["a text"]))
```

The figures of the study that made it stand in that study's `results.json` and `report.html`. The model is no better
than the texts it learned from: measure it on yours before you rely on it.
"""


def render_card(manifest: Manifest) -> str:
    """Return the card as Markdown with the hub's metadata in front."""
    library, tags = _LIBRARY.get(manifest.kind, ("lightune", []))
    named = [manifest.arm] if manifest.kind == ADAPTER else []
    front = {"library_name": library, "pipeline_tag": "text-classification", "tags": ["lightune", *tags, *named]}
    base = code(manifest.base.name) if manifest.base is not None else ""
    cut = f"cut at {manifest.max_length} tokens; of a longer one the {manifest.truncate} stays"
    return TEXT.format(
        front=yaml.safe_dump(front, sort_keys=False),
        title=markdown(manifest.arm if manifest.base is None else f"{manifest.arm} on {manifest.base.name}"),
        version=manifest.lightune,
        what=_WHAT[manifest.kind].format(arm=code(manifest.arm), base=base),
        labels=", ".join(map(code, manifest.label_names)),
        cut=cut if manifest.max_length is not None else "read whole",
        train_size=manifest.train_size,
        seed=manifest.seed,
        fingerprint=manifest.data_fingerprint[:16],
    )
