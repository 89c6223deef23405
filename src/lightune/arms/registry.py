"""The arms there are, by name."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lightune.catalogue import METHODS
from lightune.config import arm_name
from lightune.errors import ConfigError
from lightune.plugins import NAME, plugin_class, plugin_names, plugin_version

if TYPE_CHECKING:
    from lightune.arms.base import Arm, ArmContext


@dataclass(frozen=True)
class ArmKind:
    """An entry of the registry.

    trained: chance has a part in its training, so it is repeated with each seed. learns: more training rows may change
    it, so it can have a learning curve. needs_model: it stands on the study's model. sections: parts of the
    configuration it depends on, for which a change makes it another run. file: of an arm `NAME=FILE`. version: of the
    package that brings it.
    """

    name: str
    summary: str
    trained: bool = False
    learns: bool = False
    needs_model: bool = True
    sections: tuple[str, ...] = ()
    file: Path | None = None
    version: str | None = None

    def settings(self, config: Mapping[str, object]) -> dict[str, object]:
        """Pick what this arm depends on out of a plain configuration."""
        picked = {name: _what_counts(name, config[name]) for name in self.sections}
        if self.name in METHODS:
            methods = config["methods"]
            assert isinstance(methods, Mapping)
            picked["method"] = methods["options"].get(self.name, {})
            picked["rate_trials"] = methods["rate_trials"]
        if self.file is not None:
            picked["file"] = hashlib.sha256(self.file.read_bytes()).hexdigest()
        if self.version is not None:
            picked["version"] = self.version
        return picked


def _what_counts(section: str, values: object) -> object:
    """A section without what changes no outcome: where the trunk's exact states are kept, and options that earlier
    versions did not have where they are not used."""
    if section != "training" or not isinstance(values, Mapping):
        return values
    kept = {name: value for name, value in values.items() if name not in ("trunk_cache", "trunk_cache_bytes")}
    if kept.get("head_rate") == 1.0:
        kept.pop("head_rate")
    if kept.get("top_blocks") is None:
        kept.pop("top_blocks", None)
    elif values.get("trunk_cache") == "bfloat16":
        kept["trunk_cache"] = "bfloat16"
    return kept


KINDS = {
    kind.name: kind
    for kind in (
        ArmKind("majority", "always the commonest label", learns=True, needs_model=False),
        ArmKind("tfidf", "TF-IDF with logistic regression", learns=True, needs_model=False, sections=("training",)),
        ArmKind("pretrained", "the base model as it is"),
        ArmKind("zero-shot", "the language model's own answer to a prompt", sections=("zero_shot",)),
        ArmKind(
            "probe",
            "logistic regression on the frozen model's features",
            learns=True,
            sections=("training", "probe"),
        ),
        *(
            ArmKind(
                method.name,
                method.summary,
                trained=True,
                learns=True,
                sections=("training", "lora") if method.peft == "LORA" else ("training",),
            )
            for method in METHODS.values()
            if method.refused is None
        ),
        ArmKind("full", "every weight trained", trained=True, learns=True, sections=("training",)),
    )
}


def arm_kind(spec: str) -> ArmKind:
    """Return the entry of an arm as it was asked for: a name, or `NAME=FILE`.

    Raises ConfigError that lists the arms there are, or says what is wrong with NAME or FILE.
    """
    if spec in KINDS:
        return KINDS[spec]
    if "=" in spec:
        return _file_kind(spec)
    if spec in plugin_names():
        made = plugin_class(spec)
        return ArmKind(
            spec,
            str(getattr(made, "summary", "an arm of another package")),
            trained=bool(getattr(made, "trained", False)),
            learns=bool(getattr(made, "learns", True)),
            sections=("training", "lora", "probe", "zero_shot"),
            version=plugin_version(spec),
        )
    if spec in METHODS:
        raise ConfigError(f"--arms {spec}: it cannot be an arm: {METHODS[spec].refused}.")
    known = ", ".join((*(name for name in KINDS if name not in METHODS or name == "lora"), *plugin_names()))
    like = difflib.get_close_matches(spec, KINDS, 1)
    raise ConfigError(
        f"--arms: {spec!r} is no arm; there are {known}, the other methods of `lightune methods`, and NAME=FILE for "
        f"predictions from a file.{f' Did you mean {like[0]}?' if like else ''}"
    )


def trains_by_gradients(spec: str) -> bool:
    """Whether the arm is trained step by step, which several processes can share."""
    return arm_kind(spec).name in (*METHODS, "full")


def make_arm(context: ArmContext) -> Arm:
    """Make the arm of `context.spec` for one run. Raises ConfigError for a name that is none."""
    # Imported here, so that the names of the arms can be had without loading torch.
    kind = arm_kind(context.spec)
    if kind.file is not None:
        from lightune.arms.predictions_file import PredictionsFileArm

        return PredictionsFileArm(context, kind.file)
    if kind.name not in KINDS:
        return plugin_class(kind.name)(context)  # type: ignore[no-any-return]
    if kind.name in METHODS:
        from lightune.arms.adapter import AdapterArm

        return AdapterArm(context)
    from lightune.arms.full import FullArm
    from lightune.arms.majority import MajorityArm
    from lightune.arms.pretrained import PretrainedArm
    from lightune.arms.probe import ProbeArm
    from lightune.arms.tfidf import TfidfArm
    from lightune.arms.zero_shot import ZeroShotArm

    classes: dict[str, type] = {
        "majority": MajorityArm,
        "tfidf": TfidfArm,
        "pretrained": PretrainedArm,
        "zero-shot": ZeroShotArm,
        "probe": ProbeArm,
        "full": FullArm,
    }
    return classes[kind.name](context)  # type: ignore[no-any-return]


def _file_kind(spec: str) -> ArmKind:
    name, _, path = spec.partition("=")
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"--arms {spec}: a name of small letters, digits, dots, dashes or underscores is expected before '=', 64 "
            f"of them at most, a letter or digit first, got {name!r}."
        )
    if name in KINDS or name in plugin_names():
        raise ConfigError(f"--arms {spec}: {name} is an arm already; give the predictions another name.")
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"--arms {spec}: a file of predictions is expected, but there is none at {path!r}.")
    return ArmKind(name, "predictions from a file", needs_model=False, file=file.resolve())


def settled(spec: str) -> str:
    """The spec as it is kept: a file by its whole path, so that it means the same from every folder."""
    kind = arm_kind(spec)
    return spec if kind.file is None else f"{arm_name(spec)}={kind.file}"
