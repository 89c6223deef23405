"""A configuration as plain values and as YAML, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cattrs
import yaml
from cattrs.v import format_exception

from lightune.config.options import StudyConfig
from lightune.errors import ConfigError

_converter = cattrs.Converter(forbid_extra_keys=True)


class _Loader(yaml.SafeLoader):
    """YAML in which no key stands twice: the first of the two would be lost in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for at, key in enumerate(keys) if key in keys[:at]), None)
        if twice is not None:
            raise ConfigError(f"The configuration has the key {twice!r} twice; each once is expected.")
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """YAML in which texts with line ends other than LF are escaped: as they are they come back as spaces."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        odd = any(sign in text for sign in "\x85\u2028\u2029")
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if odd else None)


_Dumper.add_representer(str, _Dumper.represent_text)


class _WrongKind(ValueError):
    """A value of another kind than its option takes."""


def _structure(kind: type, seen: tuple[type, ...], expected: str) -> None:
    """Have the converter take a value of `kind` from values of the kinds `seen` alone: cattrs's own way is to call
    `kind`, which makes 8 of 8.7, True of "no" and four arms of "lora"."""

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, seen) or isinstance(value, bool) is not (kind is bool):
            raise _WrongKind(f"{expected} is expected, got {value!r}")
        try:
            return kind(value)
        except ValueError:
            raise _WrongKind(f"{expected} is expected, got {value!r}") from None

    _converter.register_structure_hook(kind, structure)


def _texts(value: Any, _: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _WrongKind(f"a list of texts is expected, got {value!r}")
    return tuple(value)


def _words(value: Any, _: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for pair in value.items() for item in pair):
        raise _WrongKind(f"texts by name are expected, got {value!r}")
    return dict(value)


def _options(value: Any, _: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping) or not all(isinstance(own, Mapping) for own in value.values()):
        raise _WrongKind(f"options by method are expected, got {value!r}")
    return {str(method): {str(name): one for name, one in own.items()} for method, own in value.items()}


_structure(bool, (bool,), "true or false")
_structure(int, (int,), "a whole number")
_structure(float, (int, float, str), "a number")  # 1e-3 is a text in YAML 1.1
_structure(str, (str,), "a text")
_converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
_converter.register_structure_hook_func(lambda kind: kind == Mapping[str, str], _words)
_converter.register_structure_hook_func(lambda kind: kind == Mapping[str, Mapping[str, Any]], _options)


def config_to_dict(config: StudyConfig) -> dict[str, Any]:
    """Turn a configuration into plain values."""
    values: dict[str, Any] = _lists(_converter.unstructure(config))
    return values


def config_from_dict(values: Mapping[str, Any]) -> StudyConfig:
    """Build a configuration; missing keys take their defaults.

    Raises ConfigError with every fault at once: unknown keys, wrong kinds, values out of range.
    """
    sections = [part for part in values.values() if isinstance(part, Mapping)]
    odd = [key for part in (values, *sections) for key in part if not isinstance(key, str)]
    if odd:  # cattrs would trip over it
        raise ConfigError(f"The configuration has the key {odd[0]!r}; a text is expected. In YAML put it in quotes.")
    try:
        return _converter.structure(values, StudyConfig)
    except cattrs.BaseValidationError as error:
        if isinstance(error.exceptions[0], ConfigError):  # of a whole configuration, with values out of range
            raise error.exceptions[0] from None
        faults = cattrs.transform_error(error, format_exception=_fault)
        raise ConfigError("The configuration is wrong: " + "; ".join(faults) + ".") from error


def _fault(error: BaseException, kind: type | None) -> str:
    return str(error) if isinstance(error, _WrongKind) else format_exception(error, kind)


def config_to_yaml(config: StudyConfig) -> str:
    """Turn a configuration into YAML text."""
    return yaml.dump(config_to_dict(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def config_from_yaml(text: str) -> StudyConfig:
    """Read what `config_to_yaml` wrote, or a person. Raises ConfigError."""
    try:
        values = yaml.load(text, _Loader) or {}  # nosec B506  # a safe one
    except yaml.YAMLError as error:
        raise ConfigError(f"The configuration is not YAML: {_where_and_what(error)}.") from error
    except RecursionError as error:
        raise ConfigError("The configuration is nested too deeply; options in sections are expected.") from error
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        # PyYAML's own, of what is not as its tag or its looks say: `!!int x`, a 13th month.
        raise ConfigError(
            f"The configuration has a value that is not of the kind that YAML takes it for: {error}. Put texts in "
            "quotes."
        ) from error
    if not isinstance(values, Mapping):
        raise ConfigError(f"The configuration should be a mapping of options, got {type(values).__name__}.")
    return config_from_dict(values)


def _where_and_what(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    what = " ".join(str(getattr(error, "problem", None) or error).split())
    return what if mark is None else f"in line {mark.line + 1}, column {mark.column + 1}, {what}"


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value
