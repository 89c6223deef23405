"""Arms of other packages, found by their entry points in the group `lightune.arms`.

An entry point names a class. `Class(context)` makes the arm for one run (`lightune.arms.base.Arm`); its attribute
`summary` says in a few words what it is. Where what it saves should be loaded again, it has a static method
`load(folder)` that returns a `lightune.compute.Scorer`, and its `save` writes a manifest of the kind `plugin`.
"""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from lightune.errors import ConfigError, ModelError

GROUP = "lightune.arms"
# What an arm may be called: it names a folder.
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def plugin_names() -> tuple[str, ...]:
    """Names of the arms that installed packages add, sorted; those that cannot be a folder's name are passed over."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP) if NAME.fullmatch(point.name)}))


def plugin_class(name: str) -> Any:
    """Load the class behind the arm `name`. Raises ConfigError when it cannot be imported or is there twice."""
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if len({point.value for point in points}) != 1:
        packages = ", ".join(sorted(_package(point) for point in points)) or "none"
        raise ConfigError(f"--arms {name}: one installed package with this arm is expected, got {packages}.")
    try:
        return points[0].load()
    except Exception as error:  # whatever a package raises when it is imported
        raise ConfigError(
            f"--arms {name}: the arm of {_package(points[0])} cannot be loaded ({type(error).__name__}: {error})."
        ) from error


def plugin_version(name: str) -> str | None:
    """The version of the package that brings the arm `name`."""
    point = next(point for point in entry_points(group=GROUP) if point.name == name)
    return point.dist.version if point.dist is not None else None


def load_plugin_scorer(name: str, folder: Path) -> Any:
    """Load what the plugin arm `name` saved in `folder`. Raises ModelError when its package does not offer that."""
    try:
        load = getattr(plugin_class(name), "load", None)
    except ConfigError as error:
        raise ModelError(f"{folder}: {error} Install the package that made it.") from error
    if load is None:
        raise ModelError(f"{folder}: the package of the arm {name!r} has no `load` for what it saved.")
    return load(folder)


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist is not None else point.value
