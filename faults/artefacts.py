"""Poisoned artefacts: nothing in them is executed, fetched or silently loaded, and each is refused with one sentence.

`python -m faults.artefacts [--short]`. Each is asked for a label by the real command in a child that is watched
(`watched.py`). Then the guards are taken out, to see that without them the same command does what they prevent.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from soak.table import Line, finish

from faults.poison_list import POISONS
from faults.poisons import IGNORED, REFUSED, Place, Poison, save_model, save_stock_adapter
from faults.watched import Ending, watched

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 3600.0
TEXT = "a good film"
# What is left out in the short version, mostly for the time it takes; every third of the others is tried.
SHARE = 4


def run(work: Path, short: bool = False) -> list[Line]:
    """Try all poisons, or a fourth of them, in a process of their own: it forks, so it must not have computed."""
    told = work / "poisons.json"
    words = [sys.executable, "-m", "faults.artefacts", "--into", str(told), *(["--short"] if short else [])]
    # Not offline, so that whatever would be fetched shows as a connection, which is refused.
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "OMP_NUM_THREADS": "1", "HF_HOME": str(work / "hub")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    subprocess.run(words, cwd=ROOT, env=environment, check=True, timeout=PATIENCE)
    return [Line(**one) for one in json.loads(told.read_text(encoding="utf-8"))]


def try_all(work: Path, poisons: list[Poison]) -> list[Line]:
    """Try these poisons here: with the guards, and those that they alone keep out without them."""
    import peft  # noqa: F401  in memory before the children are forked, which must not import for long
    import transformers  # noqa: F401

    import lightune.inference  # noqa: F401

    real = _in_child(lambda: _make_real(work / "real"), work / "real")
    taken = {kind: _ask(work, Poison(kind, kind, lambda _: None), real) for kind in ("model", "adapter", "lora", "bag")}
    whole = [kind for kind, (ending, _) in taken.items() if ending.answered]
    guarded = {one.name: _ask(work, one, real) for one in poisons}
    faults = {one.name: _fault(one, *guarded[one.name]) for one in poisons}
    bad = [f"{name}: {fault}" for name, fault in faults.items() if fault]
    expected = [one for one in poisons if one.accepts]
    opened = {one.name: _ask(work, one, real, remove_guards) for one in expected}
    harmless = [name for name, (ending, ran) in opened.items() if not (ending.answered or ending.events or ran)]
    refused = sum(ending.refused for ending, _ in guarded.values())
    memory = max((ending.memory for ending, _ in guarded.values()), default=0)
    return [
        Line("artefacts", "the real ones answer", f"{len(whole)} of {len(taken)}", len(whole) == len(taken)),
        Line(
            "artefacts",
            "poisoned ones: one sentence and exit code 2, or what is odd is passed over; nothing executed, fetched, "
            "opened elsewhere",
            f"{len(poisons)} tried, {refused} refused, {len(poisons) - refused} passed over or called unverified, "
            f"at most {memory / 2**20:,.0f} MiB taken" + "".join(f"; {one}" for one in bad),
            not bad,
        ),
        Line(
            "artefacts",
            "without the guards the same command does what they prevent",
            f"{len(expected) - len(harmless)} of {len(expected)}" + "".join(f"; not {one}" for one in harmless),
            not harmless,
        ),
    ]


def remove_guards() -> None:
    """Take out what checks folders, as if it were not there."""
    from unittest import mock

    from lightune.artifacts import bases, loading, manifest
    from lightune.methods import adapters
    from lightune.models import sources, weights

    def nothing(*_: object) -> None:
        """Check nothing."""

    places: list[tuple[Any, str]] = [
        (sources, "_check_files"), (sources, "check_hub_files"), (weights, "_check_amount"), (weights, "_check_finite"),
        (loading, "check_artifact_folder"), (adapters, "check_adapter_folder"), (adapters, "read_adapter_config"),
        (manifest, "_check_values"),
    ]  # fmt: skip
    for place, name in places:
        mock.patch.object(place, name, nothing).start()
    mock.patch.object(bases, "find_base", _any_base).start()
    mock.patch.object(loading, "find_base", _any_base).start()


def _any_base(folder: Path, manifest: Any) -> Any:
    """The base that a manifest names, whatever its weights, wherever it lies."""
    from lightune.artifacts.manifest import INSIDE
    from lightune.models import find_model

    location = manifest.base.location
    return find_model(str(folder / location) if location.startswith(INSIDE) else location)


def _fault(poison: Poison, ending: Ending, ran: bool) -> str | None:
    """What is wrong with how a poison was taken; None where nothing is."""
    if ran:
        return "its code was executed"
    if ending.events:
        return ending.events[0]
    if poison.expected == REFUSED:
        return None if ending.refused else f"not refused with a sentence (code {ending.code}: {ending.err[-300:]!r})"
    if not ending.answered:
        return f"not answered (code {ending.code}: {ending.err[-300:]!r})"
    said = "unverified" in ending.err
    return None if said or poison.expected == IGNORED else "not called unverified"


def _ask(work: Path, poison: Poison, real: Path, remove: Callable[[], None] | None = None) -> tuple[Ending, bool]:
    """Poison a copy and ask it for a label; returns how that ended, and whether code that lay there ran."""
    with tempfile.TemporaryDirectory(dir=work) as made:
        root = Path(made)
        place = Place(root / "artefact", root / "outside", root / "ran")
        shutil.copytree(real / poison.of, place.folder)
        shutil.copytree(real / "outside", place.outside)

        def prepare() -> None:
            poison.make(place)
            sys.path.append(str(place.outside))
            os.environ["COLUMNS"] = "200"
            if remove is not None:
                remove()

        allowed = [place.folder, real / "model", root / "base", work / "hub"]
        if poison.other_base:
            allowed.append(place.outside / "model")
        ending = watched(prepare, ["predict", str(place.folder), TEXT, "--json"], allowed, work)
        return ending, place.ran.exists() or (place.outside / "ran").exists()


def _make_real(folder: Path) -> None:
    """What the poisoned ones are made from."""
    from soak.batch_artefacts import save_bag, save_lora

    save_model(folder / "model")
    save_stock_adapter(folder / "adapter", folder / "model")
    save_lora(folder / "lora", str(folder / "model"))
    save_bag(folder / "bag")
    outside = folder / "outside"
    save_model(outside / "model", seed=1)
    for name, source in (("config.1.0.0.json", "config.json"), ("tokenizer.1.0.json", "tokenizer.json")):
        shutil.copyfile(outside / "model" / source, outside / name)
    body = "import pathlib\n(pathlib.Path(__file__).parent / 'ran').touch()\n"
    (outside / "odd_module.py").write_text(body, encoding="utf-8")


def _in_child(make: Callable[[], None], folder: Path) -> Path:
    """Call `make` in a child, since who forks must not compute."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            make()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the artefacts to poison could not be made")
    return folder


def main() -> int:
    """The command."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--short", action="store_true")
    made.add_argument("--into", type=Path)
    asked = made.parse_args()
    with tempfile.TemporaryDirectory() as work:
        if asked.into is None:
            return finish(run(Path(work), asked.short))
        lines = try_all(Path(work), POISONS[::SHARE] if asked.short else POISONS)
    asked.into.write_text(json.dumps([vars(line) for line in lines]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
