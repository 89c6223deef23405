"""The model card that goes with an artefact."""

from __future__ import annotations

import yaml

from lightune.artifacts.manifest import Manifest

TEXT = """---
{front}---

# {title}

Made by lightune {version}: {what}, for one label a text.

- Labels: {labels}
- Texts are cut at {max_length} tokens; of a longer one the {truncate} stays.
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
    adapter = manifest.kind == "adapter"
    front = {"library_name": "peft" if adapter else "transformers", "pipeline_tag": "text-classification"}
    front["tags"] = ["lightune", *(["lora", "peft"] if adapter else [])]  # type: ignore[assignment]
    return TEXT.format(
        front=yaml.safe_dump(front, sort_keys=False),
        title=f"{manifest.arm} on {_inline(manifest.base.name)}",
        version=manifest.lightune,
        what=f"a {manifest.arm} adapter for `{_inline(manifest.base.name)}`" if adapter else "the base model as it is",
        labels=", ".join(f"`{_inline(name)}`" for name in manifest.label_names),
        max_length=manifest.max_length,
        truncate=manifest.truncate,
        train_size=manifest.train_size,
        seed=manifest.seed,
        fingerprint=manifest.data_fingerprint[:16],
    )


def _inline(text: str) -> str:
    """Text that cannot leave its place in a line of Markdown."""
    return " ".join(text.replace("`", "'").replace("<", "‹").split())
