"""Which artefact `DIR` means: an arm's folder, or one arm of a study's."""

from __future__ import annotations

import os
from pathlib import Path

from lightune.artifacts import ADAPTER, DELTA, MODEL, PLUGIN, is_artifact, read_manifest
from lightune.errors import ConfigError, ModelError
from lightune.inference.classifier import TextClassifier, load_classifier_folder
from lightune.records import SEEDS_FOLDER

DEFAULT_ARM = "lora"
# What was trained on the texts, in the sense of a fine-tune; None: what stock peft or transformers saved.
TRAINED = (ADAPTER, DELTA, MODEL, PLUGIN, None)


def load(folder: str | Path, arm: str | None = None) -> TextClassifier:
    """Load a study's arm, an arm's folder, a stock peft adapter or a stock transformers classifier.

    arm: in a study the arm that is meant; without it `lora`, else the only trained arm. Raises InputError.
    """
    return load_classifier_folder(find_artifact(folder, arm))


def find_artifact(folder: str | Path, arm: str | None = None) -> Path:
    """Return the artefact's folder that `folder` and `arm` mean. Raises InputError."""
    path = Path(os.path.expanduser(folder))
    if not path.is_dir():
        what = "it is a file" if path.exists() else "it does not exist"
        raise ModelError(f"{folder}: a study's or an arm's folder is expected, but {what}.")
    if is_artifact(path):
        if arm is not None and arm != arm_of(path):
            raise ConfigError(f"--arm {arm}: {folder} is a single arm's folder; leave --arm out, or name the study.")
        return path
    arms = arms_of(path)
    if not arms:
        raise ModelError(f"{folder}: neither a study with saved arms nor an arm's folder. Give what --out was.")
    return path / "arms" / _choose(folder, arms, arm)


def arms_of(study: Path) -> list[str]:
    """Names of the arms that a study has saved, sorted."""
    folder = study / "arms"
    if not folder.is_dir():
        return []
    # A hidden one is what a process that was killed had begun to save.
    return sorted(path.name for path in folder.iterdir() if is_artifact(path) and not path.name.startswith("."))


def baseline_of(artifact: Path) -> Path:
    """Return the folder of the `pretrained` arm of the study that `artifact` belongs to. Raises ModelError."""
    arm = _of_first_seed(artifact)
    baseline = arm.parent / "pretrained"
    if arm.parent.name != "arms" or not is_artifact(baseline):
        raise ModelError(
            f"--baseline: the arm `pretrained` is expected beside {arm.name}, but the study has not saved it. Run "
            "the study again with --arms pretrained added."
        )
    return baseline


def study_of(artifact: Path) -> Path | None:
    """Return the study that the artefact in `artifact` belongs to; None for one that stands alone."""
    arm = _of_first_seed(artifact)
    study = arm.parent.parent
    return study if arm.parent.name == "arms" and (study / "config.yaml").is_file() else None


def _of_first_seed(artifact: Path) -> Path:
    """The arm's own folder, of which that of another seed is a part: arms/<arm>/seeds/<k>."""
    arm = artifact.resolve()
    return arm.parent.parent if arm.parent.name == SEEDS_FOLDER else arm


def default_arm(study: Path) -> str | None:
    """The arm of a study that answers where none is named: `lora`, else the only trained one, else None."""
    arms = arms_of(study)
    if DEFAULT_ARM in arms:
        return DEFAULT_ARM
    trained = _trained(study, arms)
    return trained[0] if len(trained) == 1 else None


def _choose(folder: str | Path, arms: list[str], arm: str | None) -> str:
    study = Path(os.path.expanduser(folder))
    if arm is not None:
        if arm not in arms:
            raise ConfigError(f"--arm {arm}: {folder} has {', '.join(arms)}.")
        return arm
    chosen = default_arm(study)
    if chosen is not None:
        return chosen
    several = "several trained arms and no default among them" if _trained(study, arms) else "no trained arm"
    raise ConfigError(f"{folder} has {several}; name one with --arm: {', '.join(arms)}.")


def _trained(study: Path, arms: list[str]) -> list[str]:
    return [name for name in arms if _kind_of(study / "arms" / name) in TRAINED]


def _kind_of(folder: Path) -> str | None:
    return read_manifest(folder).kind if (folder / "lightune.json").exists() else None


def arm_of(folder: Path) -> str | None:
    """The arm that made the artefact in `folder`; None for what lightune did not make."""
    return read_manifest(folder).arm if (folder / "lightune.json").exists() else None
