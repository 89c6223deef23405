"""A data set of the hub -> a local folder in the hub's layout. The one place that talks to the hub for data."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from lightune.data.layout import read_card
from lightune.data.readers import EXTENSIONS
from lightune.errors import DataError

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


def is_hub_id(source: str) -> bool:
    """Say whether this could name a data set of the hub: NAME or ORGANISATION/NAME."""
    return len(source) <= 200 and bool(_ID.fullmatch(source)) and not source.lower().endswith(EXTENSIONS)


def download(name: str, config: str | None = None) -> Path:
    """Bring a data set's README and data files into the hub's cache and return their folder.

    Only the files of the chosen configuration come, where the README lists them. Follows HF_ENDPOINT, HF_HOME and
    HF_HUB_OFFLINE as huggingface_hub does. Raises DataError when the data set is unknown, closed or out of reach.
    """
    folder = _snapshot(name, ["README.md"])
    card = read_card(folder, config)
    if card.patterns is None:
        patterns = [f"*{extension}" for extension in EXTENSIONS]
    else:
        patterns = [pattern for globs in card.patterns.values() for pattern in globs]
        # The hub's patterns want a slash for `**/`, a folder's globs don't.
        patterns += [pattern.replace("**/", "") for pattern in patterns if "**/" in pattern]
    return _snapshot(name, ["README.md", *patterns])


def _snapshot(name: str, patterns: Sequence[str]) -> Path:
    # Imported here: it takes a third of a second, which local data need not wait for.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=list(patterns)))
    except GatedRepoError as error:
        raise DataError(
            f"The data set {name!r} is gated: accept its terms on the hub and log in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(_unknown(name)) from error
    except LocalEntryNotFoundError as error:
        raise DataError(_out_of_reach(name, error)) from error
    except Exception as error:  # the client's HTTP library, and so its errors, differ between its versions
        raise DataError(_out_of_reach(name, error)) from error


def _unknown(name: str) -> str:
    return (
        f"{name!r} is neither a file or folder here nor a data set on the hub that is open to you. "
        "Check the name; for a private one, log in with `hf auth login`."
    )


def _out_of_reach(name: str, error: Exception) -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        why = "the hub is switched off (HF_HUB_OFFLINE) and its cache does not have it"
    else:
        why = f"the hub is out of reach ({type(error).__name__}) and its cache does not have it"
    return (
        f"{name!r} is no file or folder here, and as a data set of the hub it cannot be had: {why}. "
        "Connect, or give a local folder or file."
    )
