"""Which model is meant: the embedded one, a local folder or a hub id; and what its configuration says."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightune.config import EMBEDDED
from lightune.digests import file_digest
from lightune.errors import ModelError
from lightune.models.strict_files import check_place
from lightune.models.untrusted import check_hub_files, check_model_folder, weight_files

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class ModelSource:
    """A model that can be loaded. name: as the user gave it. location: a local folder, or a hub id.

    untrained: a local folder with a configuration and no weights; its weights are drawn from the seed.
    """

    name: str
    location: str
    config: PreTrainedConfig
    untrained: bool

    @property
    def is_local(self) -> bool:
        """Whether it lies in a folder here."""
        return Path(self.location).is_dir()


def embedded_folder() -> Path:
    """Return the folder of the model inside the package."""
    return Path(str(resources.files("lightune.models") / "embedded"))


def find_model(source: str) -> ModelSource:
    """Find `source` and read its configuration (no weights).

    Raises ModelError when there is no such model, the hub is out of reach, the model is no kind that is loaded, or its
    files are not to be read (`untrusted.py`).
    """
    location = str(embedded_folder()) if source == EMBEDDED else source
    folder = Path(location).expanduser()
    if folder.exists() or _looks_like_path(source):
        _check_folder(source, folder)
        location = str(folder.resolve())
        _check_files(source, Path(location))
    else:
        check_hub_files(location)
    config = _read_config(source, location)
    _check_kind(source, config)
    untrained = folder.is_dir() and not any((folder / name).exists() for name in WEIGHT_FILES)
    return ModelSource(source, location, config, untrained)


def weights_digest(source: ModelSource) -> str | None:
    """SHA-256 of a local model's weight files in the order of their names; None for a hub id.

    A folder without weights has the digest of its configuration, from which they are drawn.
    """
    return fetched_digest(source) if source.is_local else None


def fetched_digest(source: ModelSource) -> str | None:
    """The same, and for a hub id of the files in the hub's cache, fetched where they are not there yet.

    None where the hub has no weights that are read here. Raises ModelError.
    """
    files = weight_files(source.location)
    if not files and not source.is_local:
        return None
    return _digest_of(files or (Path(source.location) / "config.json",))


def has_weights(source: ModelSource, digest: str) -> bool:
    """Whether `digest` is that of the model's weights: `fetched_digest`, or, as was kept once, that of every
    safetensors file of its folder, which has the model's own among them. Raises ModelError."""
    if fetched_digest(source) == digest:
        return True
    files = sorted(Path(source.location).glob("*.safetensors")) if source.is_local else []
    own = weight_files(source.location) if files else ()
    if not own or len(files) == len(own):
        return False
    for path in files:
        check_place(path)
    return _digest_of(files) == digest


def computed_by(source: ModelSource) -> list[str | None]:
    """What the answers of a model depend on beside its input: where it is, its weights, and how it is configured."""
    weights = weights_digest(source) or getattr(source.config, "_commit_hash", None)
    return [source.location, weights, source.config.to_json_string()]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' load reports, progress bars and deprecation warnings (peft's calls cause some) from the
    terminal, and put its settings back."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
            yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _digest_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(bytes.fromhex(file_digest(path)))
    return digest.hexdigest()


def _looks_like_path(source: str) -> bool:
    return source.startswith((".", "/", "~")) or source.count("/") > 1 or "\\" in source


def _check_folder(source: str, folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ModelError(f"--model {source}: a model's folder is expected, but it {what}.")
    if not (folder / "config.json").exists():
        hint = " It holds an adapter: name its base model here." if (folder / "adapter_config.json").exists() else ""
        raise ModelError(f"--model {source}: the folder has no config.json, so it holds no transformers model.{hint}")


def _check_files(source: str, folder: Path) -> None:
    try:
        check_model_folder(folder)
    except ModelError as error:
        reason = str(error).removeprefix(f"{folder}: ").removeprefix(f"{folder}/")
        raise ModelError(f"--model {source}: {reason}") from error


def _read_config(source: str, location: str) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    try:
        with quiet_transformers():
            return AutoConfig.from_pretrained(location, trust_remote_code=False)
    except (OSError, ValueError, KeyError, StrictDataclassError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(":") if str(error).strip() else type(error).__name__
        raise ModelError(
            f"--model {source}: no model of this name could be read: it is no folder here, and the hub does not give "
            f"it or is out of reach ({reason}). Name a local folder, a hub id, or `{EMBEDDED}`."
            if not Path(location).is_dir()
            else f"--model {source}: its config.json cannot be used ({reason})."
        ) from error


def _check_kind(source: str, config: PreTrainedConfig) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as KINDS

    if config.model_type not in KINDS:
        raise ModelError(
            f"--model {source}: a model that transformers can classify sequences with is expected, but its type is "
            f"{config.model_type!r}, which has no such class."
        )
    if getattr(config, "problem_type", None) in ("multi_label_classification", "regression"):
        raise ModelError(f"--model {source}: it was made for {config.problem_type}; lightune gives one label a text.")
