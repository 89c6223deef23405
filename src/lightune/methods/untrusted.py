"""An adapter's folder, which may be anybody's, checked before peft reads it: what its configuration may ask for."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NoReturn

from lightune.catalogue import METHODS
from lightune.errors import ModelError
from lightune.models import check_place, entries, read_header, read_object

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
BASE = "base_model_name_or_path"
# peft imports, or loads, what these name.
ELSEWHERE = ("megatron_config", "tokenizer_kwargs", "tokenizer_name_or_path", "adapters", "shadow_model")
# Of these, peft loads the tokenizer that a prompt's words were once cut by, and only where the prompt is to be trained:
# never for an adapter that is loaded for its answers, as all are here.
OF_A_PROMPT, PROMPT = ("tokenizer_kwargs", "tokenizer_name_or_path"), "PROMPT_TUNING"
NO_SHADOW = ("shadow_model", "mirror")  # a small copy of the base, not a model by its name
MEGATRON = ("megatron_core", "megatron.core")  # what every LoRA says, used with a megatron_config alone
# Regular expressions that peft tries on the name of every module.
PATTERNS = ("target_modules", "exclude_modules", "layers_pattern", "feedforward_modules", "target_parameters")
KEYED_BY_PATTERNS = ("rank_pattern", "alpha_pattern")
# Lists of names that are put into regular expressions as they are.
LISTS_OF_PATTERNS = ("modules_to_save", "layers_pattern")
MOST_PATTERN, MOST_REPEATS, MOST_CHOICES = 1000, 4, 1000
# Groups that are more than groups: flags and comments, which change what the rest means, conditions, references.
ODD_GROUP = re.compile(r"\(\?(?!:|=|!|<=|<!|P<)")
# Numbers that are no sizes.
NO_SIZE = re.compile(r"seed|_key$|step|tinit|tfinal|deltaT|alpha|indices|scal", re.IGNORECASE)
# Sizes that no tensor of the adapter needs to bear out.
SMALL = 1024


def check_adapter_folder(folder: Path) -> None:
    """Raise ModelError for an adapter that names other files, code or a method that is not here, whose tensors are no
    sound safetensors, or whose configuration asks for sizes that they do not bear out."""
    if not (folder / WEIGHTS).exists() and not (folder / WEIGHTS).is_symlink():
        pickle = next((one for one in ("adapter_model.bin", "adapter_model.pt") if (folder / one).exists()), None)
        if pickle is not None:
            raise ModelError(
                f"{folder}: its weights are a pickle ({pickle}), which can run code when loaded; save the adapter as "
                "safetensors first."
            )
        raise ModelError(f"{folder}: {WEIGHTS} is expected beside {CONFIG}, but is missing.")
    path = folder / CONFIG
    config = read_adapter_config(folder)
    check_place(folder / WEIGHTS)
    shapes = [one.shape for one in read_header(folder / WEIGHTS).values() if one.numbers]
    bound = max([SMALL, *(side for shape in shapes for side in shape)])
    for key, value, _ in entries({key: value for key, value in config.items() if key != "alpha_pattern"}):
        if type(value) is int and abs(value) > bound and not NO_SIZE.search(key):
            _refuse(path, f"{key} is {value:,}, and no tensor of the adapter is so large")


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """The adapter's configuration as it stands, when nothing in it leads elsewhere. Raises ModelError."""
    path = folder / CONFIG
    if not path.exists() and not path.is_symlink():
        raise ModelError(f"{folder}: {CONFIG} is expected there, but is missing.")
    check_place(path)
    config = read_object(path)
    passed_over = (BASE, *OF_A_PROMPT) if config.get("peft_type") == PROMPT else (BASE,)
    for key, value, _ in entries(config):
        if not value or key in passed_over or (key, value) == NO_SHADOW:
            continue
        if key in ELSEWHERE or key.endswith(("_path", "_file")):
            _refuse(path, f"{key} is set, which names something beside the adapter")
    name, usual = MEGATRON
    if config.get(name) not in (None, usual):
        _refuse(path, f"{name} is {str(config[name])[:200]!r}")
    for key in PATTERNS:
        if isinstance(config.get(key), str):
            _check_pattern(path, key, config[key])
    for key in (*KEYED_BY_PATTERNS, *LISTS_OF_PATTERNS):
        if isinstance(config.get(key), (list, dict)):
            for pattern in config[key]:
                _check_pattern(path, key, str(pattern))
    kinds = {method.peft for method in METHODS.values() if method.peft is not None and method.refused is None}
    if not isinstance(config.get("peft_type"), str) or config["peft_type"] not in kinds:
        _refuse(path, f"peft_type is {str(config.get('peft_type'))[:200]!r}, which is none that is loaded")
    return config


def _check_pattern(path: Path, key: str, pattern: str) -> None:
    """Refuse a pattern that may take for ever: a repeated group, or many repeats, things that may be left out, and
    groups to choose in."""
    if len(pattern) > MOST_PATTERN or _takes_long(re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", pattern, flags=re.DOTALL)):
        _refuse(path, f"{key} holds a pattern that may take for ever to try. List the modules by their names")


def _takes_long(plain: str) -> bool:
    """plain: a pattern without escapes and sets."""
    if ODD_GROUP.search(plain) or re.search(r"\)[*+{]", plain):
        return True
    repeats = len(re.findall(r"[*+{]|(?<![(*+])\?", plain))
    choices = []
    while (group := re.search(r"\(([^()]*)\)", plain)) is not None:
        if "|" in group[1]:
            choices.append(1 + group[1].count("|"))
        plain = f"{plain[: group.start()]}x{plain[group.end() :]}"
    return repeats + len(choices) > MOST_REPEATS or math.prod(choices) > MOST_CHOICES


def _refuse(path: Path, what: str) -> NoReturn:
    raise ModelError(
        f"{path.parent}: {path.name} cannot be used: {what}. Save the adapter again without it, if it can do without."
    )
