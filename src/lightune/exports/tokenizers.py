"""A tokenizer's files that need no lightune to cut texts as it does."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from lightune.exports.origin import Origin

# What transformers notes of how it was called here.
OF_THIS_MACHINE = ("is_local", "local_files_only", "name_or_path")


def write_tokenizer(origin: Origin, folder: Path) -> None:
    """Save the tokenizer: `truncation=True` cuts where the study did, and from the side that it did.

    A cut that keeps head and tail cannot be said in a tokenizer's settings: the head alone stays.
    """
    tokenizer = copy.deepcopy(origin.encoder.tokenizer)
    tokenizer.model_max_length = origin.encoder.max_length
    tokenizer.save_pretrained(str(folder))
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: value for name, value in settings.items() if name not in OF_THIS_MACHINE}
    # transformers saves neither side unless it was given when the tokenizer was made.
    kept |= {"padding_side": "right", "truncation_side": "left" if origin.encoder.truncate == "tail" else "right"}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
