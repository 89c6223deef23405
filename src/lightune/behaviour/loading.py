"""From a suite's file to the suite."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

import yaml

from lightune.behaviour.checking import checked_definitions
from lightune.behaviour.expansion import expand
from lightune.behaviour.faults import Place, as_mapping, as_text
from lightune.behaviour.lexicons import checked_labels
from lightune.behaviour.suite import POLARITY, Suite
from lightune.errors import ConfigError

BUILT_IN = "sentiment.yaml"
LARGEST_BYTES = 1_000_000


def load_suite(path: Path | None = None) -> Suite:
    """Read a suite and expand its templates into cases, the same ones each time; None reads the built-in suite of
    English sentiment.

    Raises ConfigError naming the file, the test, the key, what was expected, what was seen and what to do.
    """
    name = BUILT_IN if path is None else str(path)
    return suite_from_yaml(_read(path), name)


def suite_from_yaml(text: str, name: str = "suite") -> Suite:
    """Do the same with the YAML itself; name: what an error calls it."""
    place = Place(name)
    values = as_mapping(_parsed(text, place), place, ("name", "tests"), ("language", "labels", "lexicons"))
    labels = checked_labels(values.get("labels"), place.at("labels"))
    words = tuple(labels) if labels else POLARITY
    definitions = checked_definitions(values, words, place)
    tests = expand(definitions, words)
    for test in tests:
        if not test.cases:
            raise place.at(f"test {test.name!r}").fault(
                "at least one case is expected, and there is none that no other test has and that its change changes. "
                "Give it templates or fillers of its own."
            )
    language = as_text(values["language"], place.at("language"), 20) if "language" in values else None
    return Suite(as_text(values["name"], place.at("name"), 100), language, labels, tests)


def _read(path: Path | None) -> str:
    file = importlib.resources.files("lightune.behaviour") / BUILT_IN if path is None else path
    try:
        if path is not None and path.stat().st_size > LARGEST_BYTES:
            raise ConfigError(f"{path}: at most {LARGEST_BYTES:,} bytes are expected of a suite. Make it smaller.")
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: UTF-8 is expected, byte {error.start} is not. Save the file as UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{path}: a suite of behaviour checks is expected there: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{str(path)!r}: a path to a suite of behaviour checks is expected: {error}.") from error


class _Texts(yaml.BaseLoader):
    """Reads every value as text, so that `no` stays a word and `007` a name, and takes each key once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            keys = [str(key.value) for key, _ in node.value]
            twice = next(key for at, key in enumerate(keys) if key in keys[:at])
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} stands here twice", node.start_mark)
        return mapping


def _parsed(text: str, place: Place) -> Any:
    try:
        # A BaseLoader makes no objects, whatever tags the file has.
        return yaml.load(text, Loader=_Texts)  # nosec B506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise place.fault(f"{where}YAML is expected: {error.problem or error.context}. Correct it.") from error
    except yaml.YAMLError as error:
        raise place.fault(f"YAML is expected: {' '.join(str(error).split())}. Correct it.") from error
    except RecursionError as error:
        raise place.fault("YAML of a few levels is expected, this is nested far deeper. Make it flat.") from error
