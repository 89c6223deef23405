"""A study's configuration from a file, with the options that were given in its place: one file says the study, on a
laptop and on a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightune.config import StudyConfig
from lightune.errors import ConfigError

if TYPE_CHECKING:
    from typer import Context

CONFIG_NAME = "config.yaml"
_LARGEST = 1_000_000

_SECTIONS: dict[str, tuple[str, ...]] = {
    "data": (
        *("text_column", "label_column", "split_column", "group_column", "positive_label", "train_size"),
        *("validation_size", "test_size", "folds", "repeats"),
    ),
    "model": ("max_length", "truncate"),
    "training": (
        *("epochs", "max_steps", "learning_rate", "head_rate", "batch_size", "accumulation", "schedule", "warmup"),
        *("weight_decay", "max_grad_norm", "evaluations", "patience", "select_by", "class_weights", "frozen_dropout"),
        *("top_blocks", "trunk_cache", "trunk_cache_bytes"),
    ),
    "lora": ("rank", "alpha", "dropout", "target_modules"),
    "methods": ("rate_trials",),
    "probe": ("pooling",),
    "analysis": ("behaviour", "label_next"),
}
# Where each option of `lightune study` stands in the file: the section, or "" for the top, and the key.
KEYS: dict[str, tuple[str, str]] = {
    **{name: (section, name) for section, names in _SECTIONS.items() for name in names},
    "model": ("model", "source"),
    "data": ("data", "source"),
    "data_seed": ("data", "seed"),
    "set_option": ("methods", "options"),
    "template": ("zero_shot", "templates"),
    "label_words": ("zero_shot", "words"),
    "no_calibration": ("zero_shot", "calibration"),
    "curve": ("curve", "sizes"),
    "curve_arms": ("curve", "arms"),
    "curve_seeds": ("curve", "seeds"),
    "slice_by": ("analysis", "slices"),
    "arms": ("", "arms"),
    "seed": ("", "seed"),
    "seeds": ("", "seeds"),
    "no_texts": ("", "keep_texts"),
}
# Options whose name is not that of their parameter.
_OPTIONS = {"--set": "set_option", "--slice": "slice_by"}
# What a search has found; with one of these changed the settings are somebody's own.
_FOUND = ("training", "lora", "methods")


def configured(asked: partial[StudyConfig], file: Path | None, context: Context) -> StudyConfig:
    """The study that the command line asks for, over the configuration in `file` where there is one. Raises
    ConfigError."""
    return asked() if file is None else overridden(read_config(file), asked.keywords, _given(context))


def read_config(path: Path) -> StudyConfig:
    """The configuration in a YAML file, or in a study's folder. Raises ConfigError, naming the file and the key."""
    file = path / CONFIG_NAME if path.is_dir() else path
    if not file.is_file():
        what = "it holds no config.yaml" if path.is_dir() else "there is none"
        raise ConfigError(f"{path}: a study's configuration in YAML, or its folder, is expected, but {what}.")
    from lightune.config import config_from_yaml

    try:
        if file.stat().st_size > _LARGEST:
            raise ConfigError(f"at most {_LARGEST:,} bytes of YAML are expected.")
        return config_from_yaml(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: a study's configuration in YAML is expected, but it is no UTF-8 text.") from None
    except OSError as error:
        raise ConfigError(f"{file}: it cannot be read ({error.strerror}).") from None
    except ConfigError as error:
        raise ConfigError(f"{file}: {_by_key(str(error))}") from None


def overridden(config: StudyConfig, parts: Mapping[str, Any], given: Iterable[str]) -> StudyConfig:
    """`config` with the options `given` in place of what it says.

    parts: arguments of a StudyConfig as the whole command line makes them, defaults included. --set adds to the file's
    options of methods. Raises ConfigError where the two do not go together.
    """
    changes: dict[str, dict[str, Any]] = {}
    for name in set(given) & KEYS.keys():
        section, key = KEYS[name]
        changes.setdefault(section, {})[key] = parts[key] if not section else getattr(parts[section], key)
    if "options" in changes.get("methods", {}):
        changes["methods"]["options"] = _both(config.methods.options, changes["methods"]["options"])
    top = changes.pop("", {})
    sections = {name: replace(getattr(config, name), **values) for name, values in changes.items()}
    if any(sections.get(name, getattr(config, name)) != getattr(config, name) for name in _FOUND):
        sections["methods"] = replace(sections.get("methods", config.methods), searched=0, searched_over="")
    return replace(config, **sections, **top)


def _given(context: Context) -> set[str]:
    """The parameters that stand on the command line, whatever their values."""
    # By its name, since typer carries a copy of click, or uses click itself.
    return {name for name in context.params if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"}


def _both(
    before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    return {method: {**before.get(method, {}), **now.get(method, {})} for method in {**before, **now}}


def _by_key(sentence: str) -> str:
    """A sentence about options as one about the file's keys."""

    def key(match: re.Match[str]) -> str:
        section, name = KEYS.get(_OPTIONS.get(match[0], match[1].replace("-", "_")), (None, ""))
        return match[0] if section is None else f"{section}.{name}" if section else name

    return re.sub(r"--([a-z][a-z-]*)", key, sentence)
