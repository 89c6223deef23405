"""Where trials are kept: a file in the study's folder, or a database that a URL names. No password is ever told."""

from __future__ import annotations

import json
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightune.errors import ConfigError
from lightune.search.optunas import load_optuna
from lightune.whole import write_whole

FILE, BOUND, OLD = "trials.db", "storage.json", "search.json"
# Of the file in the folder, which has no other search beside it.
NAME = "search"
SECONDS = 5.0
# What SQLite calls a database that is no file.
MEMORY = ":memory:"
PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}


@dataclass(frozen=True)
class Address:
    """url: as SQLAlchemy takes it. shown: the same without password. name: of the study there. new: whether nobody has
    written there for this folder. bound: the file that says so, where it is not the folder's own database."""

    url: str
    shown: str
    name: str
    new: bool
    bound: Path | None = None

    def bind(self) -> None:
        """Have the folder know where its trials are."""
        if self.bound is not None and self.new:
            self.bound.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.bound, json.dumps({"storage": self.shown, "study": self.name}))


def address_of(folder: Path, url: str | None, title: str) -> Address:
    """Where the trials of a search in `folder` are. url: as it was asked for; None: in the folder. title: what a study
    in a database of several is to be called.

    An SQLite file's path is made absolute, so that the folder means the same file wherever it is asked from. Raises
    ConfigError for a URL that is none, that is of memory alone, whose driver is not installed or where nobody answers,
    and for a folder whose trials are somewhere else.
    """
    if (folder / OLD).exists():
        raise ConfigError(
            f"--out {folder.parent}: its search/{OLD} was written by an earlier version of lightune, whose searches "
            "this one does not go on with. Name another folder."
        )
    own, bound = folder / FILE, folder / BOUND
    if url is None:
        if bound.exists():
            raise ConfigError(
                f"--out {folder.parent}: its trials are at {_bound(bound)['storage']}. Give that with --storage."
            )
        path = str(own.absolute())
        return Address(f"sqlite:///{path}", path, NAME, not own.exists())
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        parsed = _on_disk(parsed)
        url = parsed.render_as_string(hide_password=False)
    shown = parsed.set(query={}).render_as_string(hide_password=True)
    _check_there(parsed, shown)
    if own.exists():
        raise ConfigError(f"--storage {shown}: this folder's trials are in its search/{FILE}. Leave --storage out.")
    if not bound.exists():
        return Address(url, shown, f"{title}-{uuid.uuid4().hex[:8]}", True, bound)
    before = _bound(bound)
    if before["storage"] != shown:
        raise ConfigError(f"--storage {shown}: this folder's trials are at {before['storage']}.")
    return Address(url, shown, before["study"], False, bound)


def _bound(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"storage": str(found["storage"]), "study": str(found["study"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"--out {path.parents[1]}: its search/{BOUND} is damaged. Name another folder.") from error


def _parsed(url: str) -> Any:
    load_optuna()  # which brings SQLAlchemy
    import sqlalchemy

    try:
        parsed = sqlalchemy.engine.make_url(url)
        parsed.get_dialect()
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        # The URL is not repeated: what cannot be read may hold a password anywhere.
        raise ConfigError(
            "--storage: a database's URL is expected, as sqlite:////shared/trials.db or "
            "postgresql://USER:PASSWORD@HOST/NAME; what was given is none, or of no kind that SQLAlchemy knows."
        ) from error
    return parsed


def _on_disk(url: Any) -> Any:
    """SQLite's URL with its file's path absolute. Raises ConfigError for one that is kept in memory alone."""
    path = url.database or MEMORY
    if MEMORY in path or url.query.get("mode") == "memory":
        raise ConfigError(
            "--storage: an SQLite file is expected, as sqlite:////shared/trials.db; one in memory would be gone with "
            "this process, and its trials with it."
        )
    # With uri=true the path is a URL of SQLite's own kind, which is taken as it stands.
    return url if "uri" in url.query else url.set(database=str(Path(path).absolute()))


def _check_there(url: Any, shown: str) -> None:
    """Raise ConfigError where the driver is missing or nobody answers: a driver waits longer, or for ever."""
    try:
        url.get_dialect().import_dbapi()
    except ImportError as error:
        raise ConfigError(
            f"--storage {shown}: the package {error.name} is needed for this kind of database: pip install {error.name}"
        ) from error
    port = url.port or PORTS.get(url.get_backend_name())
    if not url.host or port is None or url.host.startswith("/"):
        return
    try:
        socket.create_connection((url.host, port), SECONDS).close()
    except (OSError, UnicodeError) as error:
        said = "it timed out" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or error
        raise ConfigError(f"--storage {shown}: nobody answers at {url.host}, port {port} ({said}).") from error
