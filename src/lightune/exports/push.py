"""An export to the hub: what is sent is what `lightune export` verified, and the token is told to nobody."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightune.errors import ConfigError, InputError, LightuneError, ModelError, RunError
from lightune.exports.records import ADAPTER, EXPORT, changed_files, read_record

TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"
# What servers say of a token, and what that means.
NOT_KNOWN, NOT_ALLOWED = 401, 403


def push_export(folder: Path, repo_id: str, private: bool, environment: Mapping[str, str] = os.environ) -> str:
    """Send the export in `folder` to the repository `repo_id`, made where it is not there; return its address.

    The token comes from HF_TOKEN in `environment` alone, never from a saved login, and stands in no message. The
    endpoint is HF_ENDPOINT, by default the hub. Raises InputError before anything is sent where the folder is no whole
    export, the name, the token or the settings are at fault; RunError where the hub cannot be reached or refuses.
    """
    check_export(folder)
    token = _token(environment)
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ConfigError(f"{repo_id!r}: a repository's name like `you/name` is expected.") from error
    if constants.HF_HUB_OFFLINE:
        raise ConfigError("HF_HUB_OFFLINE is set, so nothing may be sent to the hub; unset it to push.")
    endpoint = environment.get(ENDPOINT) or constants.ENDPOINT
    api = HfApi(endpoint=endpoint, token=token)
    with _quiet_hub(), _explained(token, endpoint, repo_id):
        address = api.create_repo(repo_id, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=address.repo_id,
            folder_path=str(folder),
            commit_message=f"lightune export: {read_record(folder).kind}",
        )
    return str(address)


def check_export(folder: Path) -> None:
    """Raise InputError unless `folder` is an export of lightune as it was written, fit for another machine."""
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "it does not exist"
        raise ModelError(f"{folder}: the folder of an export is expected, but {what}.")
    if not (folder / EXPORT).is_file():
        raise ModelError(
            f"{folder}: a folder that `lightune export` wrote is expected, but it holds no {EXPORT}. Export the arm "
            "first, and push that."
        )
    record = read_record(folder)
    odd = changed_files(folder, record)
    if odd:
        raise ModelError(f"{folder}: {odd[0]}, so it is no longer what was verified. Export it again.")
    if record.kind == ADAPTER:
        location = str(json.loads((folder / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"])
        if Path(location).is_absolute():
            raise ModelError(
                f"{folder}: its adapter names a base that lies on this machine alone. Export it with --with-base, or "
                "with --format merged."
            )


def _token(environment: Mapping[str, str]) -> str:
    token = environment.get(TOKEN, "").strip()
    if not token:
        raise ConfigError(f"A token of the hub that may write is expected in the environment variable {TOKEN}.")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigError(f"{TOKEN}: a token of letters, digits and signs is expected; what stands there is none.")
    return token


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Keep the hub library's progress bars off the terminal."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    quiet = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not quiet:
            enable_progress_bars()


@contextmanager
def _explained(token: str, endpoint: str, repo_id: str) -> Iterator[None]:
    """Turn what goes wrong into a sentence without the token; the cause is dropped, since it may hold it."""
    fault: LightuneError | None = None
    try:
        yield
    except Exception as error:  # of the hub's library, of its HTTP client and of its uploader: no common class
        fault = _fault(error, token, endpoint, repo_id)
    if fault is not None:
        raise fault


def _fault(error: Exception, token: str, endpoint: str, repo_id: str) -> LightuneError:
    from huggingface_hub.errors import HfHubHTTPError

    response: Any = getattr(error, "response", None) if isinstance(error, HfHubHTTPError) else None
    if response is not None and response.status_code == NOT_KNOWN:
        return InputError(f"{endpoint} does not know the token in {TOKEN} (401). Set one that is valid there.")
    if response is not None and response.status_code == NOT_ALLOWED:
        return InputError(
            f"{endpoint} does not let the token in {TOKEN} write to {repo_id} (403). Use a token with write access, or "
            "a name of your own."
        )
    # Which HTTP client raises it depends on the version of the hub's library.
    if any(kind.__name__ in ("TransportError", "ConnectionError") for kind in type(error).__mro__):
        return RunError(f"{endpoint} cannot be reached ({type(error).__name__}). Nothing was committed there.")
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].replace(token, "***")
    return RunError(f"{endpoint} did not take {repo_id}: {reason}")
