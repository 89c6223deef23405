"""A folder labelled by one process: the rows and answers of each file as when it is labelled alone."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from lightune.data import Cut
from lightune.errors import ConfigError, DataError, RunError
from lightune.inference import BatchRequest, FolderRequest, Wanted, predict_file, predict_folder
from lightune.inference.folders import labelling, place
from lightune.progress import NOTICE
from tests.inference.folders.helpers import (
    FILES,
    ROWS,
    SCHEMA,
    all_ids,
    content,
    ids,
    parts,
    parts_of,
    request_for,
    success,
    table,
    write_folder,
)


def check_like_alone(request: FolderRequest, tmp_path: Path) -> None:
    """Each file's parts, one below the other, are what `predict_file` makes of it, but for the marks."""
    for name, (rows, _) in FILES.items():
        found = pa.concat_tables([pq.read_table(path) for path in parts_of(tmp_path / "out", name)])
        if not rows:
            assert (len(found), found.schema.names[:4]) == (0, SCHEMA.names)
            continue
        alone = BatchRequest(
            request.arms, tmp_path / "in" / name, tmp_path / "alone.parquet", wanted=request.wanted, cut=request.cut
        )
        predict_file(alone)
        wanted = pq.read_table(alone.target)
        assert found.schema.remove_metadata() == wanted.schema.remove_metadata()
        assert found.schema.metadata[b"made"] == b"by a test"
        for column in wanted.schema.names:
            ours, theirs = found.column(column).to_pylist(), wanted.column(column).to_pylist()
            if column.startswith(("p_", "score")):
                assert all(math.isclose(one, other, abs_tol=1e-5) for one, other in zip(ours, theirs, strict=True))
            else:
                assert ours == theirs


def test_each_file_s_parts_are_what_it_becomes_alone(bag, tmp_path):
    request = request_for(tmp_path, bag)
    counts = predict_folder(request)
    check_like_alone(request, tmp_path)
    assert ids(tmp_path / "out") == all_ids()
    names = [str(path.relative_to(tmp_path / "out")) for path in parts(tmp_path / "out")]
    assert names == [
        "a=1/none-00000.parquet",
        *(f"a=1/y-0000{at}.parquet" for at in range(3)),
        "b/c/x-00000.parquet",
        *(f"x-0000{at}.parquet" for at in range(5)),
    ]
    assert success(tmp_path / "out") == vars(counts)
    assert (counts.rows_in, counts.rows_out, counts.files_in, counts.parts) == (ROWS, ROWS, 4, 10)
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"a=1", "b", "_SUCCESS", "_lightune.json", *(f"x-0000{at}.parquet" for at in range(5))}


@pytest.mark.full
def test_so_it_is_with_a_model_several_arms_and_other_columns(bag, lora, tmp_path):
    request = request_for(tmp_path, bag)
    wanted = Wanted(top_k=2, abstain_below=0.5)
    request = replace(request, arms={"lora_": lora, "tfidf_": bag}, wanted=wanted)
    predict_folder(request)
    check_like_alone(request, tmp_path)


def test_a_single_file_becomes_a_folder_too(bag, tmp_path):
    write_folder(tmp_path / "in")
    request = FolderRequest({"": bag}, str(tmp_path / "in/x.parquet"), str(tmp_path / "out"), unit=Cut(50, 2**20))
    assert predict_folder(request).rows_out == 90
    assert ids(tmp_path / "out") == all_ids({"x.parquet": (90, 40)})


def test_a_path_is_no_url_whatever_it_holds(bag, tmp_path, monkeypatch):
    """fsspec takes `a::b` for the place b inside an a."""
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "ftp::in", {"x.parquet": (9, 9)})
    (tmp_path / "ftp:").mkdir()
    assert predict_folder(FolderRequest({"": bag}, "ftp::in", "ftp::out")).rows_out == 9
    assert ids(tmp_path / "ftp::out") == all_ids({"x.parquet": (9, 9)})
    assert not list((tmp_path / "ftp:").iterdir())


@pytest.mark.full
def test_places_in_memory_and_urls_of_files(bag, tmp_path):
    system = fsspec.filesystem("memory")
    write_folder(tmp_path / "in")
    system.put(str(tmp_path / "in"), "/given", recursive=True)
    try:
        request = replace(request_for(tmp_path, bag), source="memory://given", target="memory://made")
        assert predict_folder(request).rows_out == ROWS
        system.get("/made", str(tmp_path / "made"), recursive=True)
        request = replace(request, source=f"file://{tmp_path}/in", target=f"file://{tmp_path}/out", resume=True)
        assert predict_folder(request).rows_out == ROWS
        assert content(tmp_path / "made") == content(tmp_path / "out")
        with pytest.raises(ConfigError, match="memory://made: it holds this very output"):
            predict_folder(replace(request, target="memory://made", resume=False))
    finally:
        system.rm("/given", recursive=True)
        if system.exists("/made"):
            system.rm("/made", recursive=True)


PLACES = {
    "s3://bucket/in": "--input s3://bucket/in: .*Install s3fs",
    "nothing://in": "--input nothing://in: Protocol not known",
    "reference://me:secret@in": "--input reference://…@in: .*missing 1 required",
    "dir://in": "--input dir://in: .*A folder, or a URL that fsspec knows",
    "{tmp}/absent": "There is no folder or file .*absent",
    "{tmp}/empty": "it is empty",
    "{tmp}/csv": r"\.parquet files is expected, but it holds in\.csv",
    "{tmp}/csv/in.csv": "Parquet is expected here",
    "{tmp}/linked": "far is a link to a folder",
    "{tmp}/twice": r"a\.PARQUET and a\.parquet would both become",
    "{tmp}/rowless": "no file has rows",
    "{tmp}/lacking": r"lacking, b\.parquet has no such column",
    "{tmp}/torn": r"torn/a\.parquet cannot be read as Parquet",
    "memory://nowhere": "There is no folder or file memory://nowhere",
}


@pytest.mark.parametrize("source", PLACES)
def test_what_cannot_be_an_input_is_said_and_nothing_is_written(bag, tmp_path, source):
    (tmp_path / "empty").mkdir()
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "in.csv").write_text("text\na\n")
    write_folder(tmp_path / "linked", {"a.parquet": (1, 1)})
    (tmp_path / "linked" / "far").symlink_to(tmp_path / "csv")
    write_folder(tmp_path / "twice", {"a.parquet": (1, 1), "a.PARQUET": (1, 1)})
    write_folder(tmp_path / "rowless", {"a.parquet": (0, 1)})
    write_folder(tmp_path / "lacking", {"a.parquet": (5, 5)})
    pq.write_table(pa.table({"words": ["a"]}), tmp_path / "lacking" / "b.parquet")
    write_folder(tmp_path / "torn", {"a.parquet": (5, 5)})
    (tmp_path / "torn" / "a.parquet").write_bytes((tmp_path / "torn" / "a.parquet").read_bytes()[:-1])
    request = FolderRequest({"": bag}, source.format(tmp=tmp_path), str(tmp_path / "out"))
    with pytest.raises((ConfigError, DataError), match=PLACES[source]) as said:
        predict_folder(request)
    assert said.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_driver_s_own_error_is_a_sentence_without_the_password(bag, tmp_path, monkeypatch):
    class Denied(Exception):
        pass

    def denied(self, path, **_):
        raise Denied("who are you?\nmore")

    monkeypatch.setattr(MemoryFileSystem, "isfile", denied)
    with pytest.raises(DataError, match=r"--input memory://…@there cannot be reached: Denied, who are you\?\. Look"):
        predict_folder(FolderRequest({"": bag}, "memory://me:secret@there", str(tmp_path / "out")))


@pytest.mark.parametrize("at", ["open", "info", "find"])
def test_so_it_is_while_it_runs_and_what_is_done_stays(bag, tmp_path, monkeypatch, at):
    """The driver loses the place while parts are made; `find` is how the output is counted at the end."""
    memory = MemoryFileSystem
    system = fsspec.filesystem("memory")
    system.put(str(write_folder(tmp_path / "in")), "/given", recursive=True)
    request = replace(request_for(tmp_path, bag), source="memory://given", target="memory://made")

    class Lost(Exception):
        pass

    def lost(self, path, *_, **__):
        raise Lost("the line is dead")

    try:
        with monkeypatch.context() as patch:

            def cut(phase, done, total, facts):
                if facts.get("kept") == (ROWS if at == "find" else 41):
                    patch.setattr(memory, at, lost)

            with pytest.raises(RunError, match=r"memory://.* cannot be reached: Lost, the line is dead"):
                predict_folder(request, cut)
        assert predict_folder(replace(request, resume=True)).rows_out == ROWS
    finally:
        for name in ("/given", "/made"):
            system.rm(name, recursive=True)


class WithFolders(MemoryFileSystem):
    """Writes nothing into a folder that is not there, as servers of files do; the folder `shut` cannot be made."""

    protocol = "ftp"
    store: ClassVar = {}
    pseudo_dirs: ClassVar = [""]

    def mkdir(self, path, create_parents=True, **_):
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied")
        super().mkdir(path, create_parents)

    def pipe_file(self, path, value, **_):
        if self._parent(path) not in self.pseudo_dirs:
            raise FileNotFoundError(2, "No such folder")
        super().pipe_file(path, value)


@pytest.fixture
def with_folders(monkeypatch):
    monkeypatch.setattr(WithFolders, "store", {})
    monkeypatch.setattr(WithFolders, "pseudo_dirs", [""])
    monkeypatch.setattr(place, "url_to_fs", lambda url: (WithFolders(), url.removeprefix("ftp:/")))


def test_folders_are_made_where_a_driver_wants_it(bag, tmp_path, with_folders):
    request = replace(request_for(tmp_path, bag), target="ftp://a/out")
    assert predict_folder(request).rows_out == ROWS
    assert set(WithFolders.pseudo_dirs) == {"", "/a", "/a/out", "/a/out/a=1", "/a/out/b", "/a/out/b/c"}
    assert place.find_place("--input", "ftp://a").readers == 1


def test_an_output_that_cannot_be_written_to_is_refused(bag, tmp_path, with_folders):
    request = replace(request_for(tmp_path, bag), target="ftp://me:secret@a/shut")
    with pytest.raises(ConfigError, match=r"--output ftp://…@a/shut cannot be written to: Permission denied\. Look"):
        predict_folder(request)


def test_a_folder_that_another_worker_makes_meanwhile_is_there(with_folders, monkeypatch):
    plain, calls = WithFolders.makedirs, []

    def raced(self, path, exist_ok=False):
        calls.append(path)
        plain(self, path, exist_ok)
        if len(calls) == 1:
            raise RuntimeError("550 File exists")

    monkeypatch.setattr(WithFolders, "makedirs", raced)
    place.find_place("--output", "ftp://a/out").put("b/c", b"data")
    assert calls == ["/a/out/b"] * 2
    assert WithFolders().cat_file("/a/out/b/c") == b"data"


def test_what_is_hidden_is_passed_over_and_what_is_no_parquet_is_said(bag, tmp_path):
    request = request_for(tmp_path, bag)
    for name in ("_SUCCESS", "_temporary/a.parquet", ".b.parquet", "a=1/.c/d.parquet", "README.md", "b/more.csv"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text("no Parquet")
    told = []
    assert predict_folder(request, lambda *heard: told.append(heard)).rows_out == ROWS
    assert [facts["said"] for phase, *_, facts in told if phase == NOTICE] == [
        f"{tmp_path}/in: passed over, since it is no Parquet: README.md and 1 more files."
    ]


def test_progress_counts_files_and_rows(bag, tmp_path):
    told = []
    predict_folder(request_for(tmp_path, bag), lambda *heard: told.append(heard))
    assert [done for phase, done, *_ in told if phase == "check"] == [1, 2, 3, 4]
    labelled = [(done, facts) for phase, done, _, facts in told if phase == "label"]
    assert labelled[0] == (0, {"before": 0})
    assert [done for done, _ in labelled] == sorted(done for done, _ in labelled)
    assert labelled[-1] == (ROWS, {"kept": ROWS})


def test_the_row_that_cannot_be_read_is_named_as_it_stands_in_its_file(bag, tmp_path):
    """What is done before it stays."""
    made = table("x", 90)
    texts = made.column("text").cast(pa.binary()).to_pylist()
    texts[76] = b"caf\xe9"
    broken = pa.Array.from_buffers(pa.string(), 90, pa.array(texts, pa.binary()).buffers())
    write_folder(tmp_path / "in", {})
    (tmp_path / "in").mkdir(exist_ok=True)
    pq.write_table(made.set_column(1, "text", broken), tmp_path / "in" / "x.parquet", row_group_size=40)
    with pytest.raises(DataError, match=r"x\.parquet, row 77: column 'text' is not UTF-8"):
        predict_folder(request_for(tmp_path, bag))
    assert len(parts(tmp_path / "out")) == 3
    assert (tmp_path / "out" / "_lightune.json").exists()


@pytest.mark.full
@pytest.mark.parametrize("gone", [False, True])
def test_an_input_that_changes_while_it_is_read_gives_no_part(bag, tmp_path, gone):
    request = request_for(tmp_path, bag)
    path = tmp_path / "in" / "x.parquet"

    def change(phase, done, total, facts):
        if facts.get("kept") == 41 + 40:
            path.unlink() if gone else os.utime(path, ns=(1, 1))

    said = "There is no file .*Do all nodes see it" if gone else "was written to while it was read"
    with pytest.raises(DataError if gone else RunError, match=said):
        predict_folder(request, change)
    assert len(parts_of(tmp_path / "out", "x.parquet")) == 2
    if not gone:
        assert predict_folder(replace(request, resume=True)).rows_out == ROWS
        assert ids(tmp_path / "out") == all_ids()


@pytest.mark.full
def test_an_engine_that_leaves_out_rows_is_found_out(bag, tmp_path):
    request = request_for(tmp_path, bag)

    def forgetful(job, units, on_unit):
        from lightune.inference.folders.predict import label_here

        label_here(job, units[:-1], on_unit)

    with pytest.raises(RunError, match=rf"121 of {ROWS} rows are there.*x-00004\.parquet, 1 parts in all"):
        predict_folder(request, engine=forgetful)
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    assert predict_folder(replace(request, resume=True)).rows_out == ROWS


@pytest.mark.full
def test_a_full_disk_is_a_sentence_and_what_is_done_stays(bag, tmp_path, monkeypatch):
    request = request_for(tmp_path, bag)
    with monkeypatch.context() as patch:
        plain, puts = os.replace, []

        def full(*given):
            if len(puts) == 4:
                raise OSError(28, "No space left on device")
            puts.append(given)
            plain(*given)

        patch.setattr(os, "replace", full)
        with pytest.raises(RunError, match=r"cannot be written: No space left on device.*--resume"):
            predict_folder(request)
    assert not list((tmp_path / "out").rglob(".*partial"))
    assert predict_folder(replace(request, resume=True)).rows_out == ROWS


def test_in_memory_no_other_process_would_see_it(bag, tmp_path):
    request = replace(request_for(tmp_path, bag), target="memory://made")
    with pytest.raises(ConfigError, match="--engine: a place in memory"):
        predict_folder(request, engine=lambda *_: None)


def test_a_worker_that_sees_another_folder_or_artefact_is_found(bag, tmp_path, monkeypatch):
    request = request_for(tmp_path, bag)
    artefact = shutil.copytree(bag, tmp_path / "bag")
    seen = []

    def engine(job, units, on_unit):
        seen.append(job)
        labelling.check_like(job, "The node")
        with monkeypatch.context() as patch:
            patch.setattr(labelling, "machine", lambda: {"the version of torch": "1.0"})
            with pytest.raises(ConfigError, match=r"The node is not as .*version of torch"):
                labelling.check_like(job, "The node")
        (artefact / "terms.json").write_text("{}")
        with pytest.raises(ConfigError, match="differs: what the arm saved"):
            labelling.check_like(job, "The node")
        shutil.rmtree(artefact)
        with pytest.raises(ConfigError, match=r"The node does not see .*bag"):
            labelling.check_like(job, "The node")
        (tmp_path / "out" / "_lightune.json").rename(tmp_path / "elsewhere")
        labelling.check_like(job, "The node")

    with pytest.raises(DataError, match="The node does not see the output's folder"):
        predict_folder(replace(request, arms={"": artefact}), engine=engine)
    assert seen
    assert not (tmp_path / "out").exists()


def test_an_output_that_a_worker_cannot_reach_is_a_sentence(bag, tmp_path, monkeypatch):
    """And what its driver says later, of the same trouble, does not take its place."""

    def lost(self, *_, **__):
        raise RuntimeError("the line is dead")

    def engine(job, units, on_unit):
        for name in ("cat_file", "find"):
            patch.setattr(MemoryFileSystem, name, lost)
        labelling.check_like(job, "The node")

    request = replace(request_for(tmp_path, bag), target="memory://made")
    with monkeypatch.context() as patch:
        # As of a place that other processes see.
        patch.setattr(place.Place, "of_one_process", False)
        with pytest.raises(DataError, match=r"The node: --output memory://made cannot be reached: .*the line is dead"):
            predict_folder(request, engine=engine)
    assert predict_folder(request).rows_out == ROWS
    fsspec.filesystem("memory").rm("/made", recursive=True)


def test_a_success_that_cannot_be_removed_is_a_sentence(bag, tmp_path, monkeypatch):
    system = fsspec.filesystem("memory")
    request = replace(request_for(tmp_path, bag), target="memory://made")
    try:
        predict_folder(request)
        system.rm_file("/made/x-00000.parquet")

        def denied(self, path):
            raise RuntimeError("not yours")

        monkeypatch.setattr(MemoryFileSystem, "rm_file", denied)
        with pytest.raises(DataError, match="--output memory://made cannot be reached: RuntimeError, not yours"):
            predict_folder(replace(request, resume=True))
    finally:
        monkeypatch.undo()
        system.rm("/made", recursive=True)


def test_parts_that_a_listing_does_not_show_yet_count(bag, tmp_path, monkeypatch):
    """NFS has lists of some seconds ago."""
    plain = place.Place.files
    request = request_for(tmp_path, bag)
    monkeypatch.setattr(place.Place, "files", lambda self: {} if self.path == request.target else plain(self))
    assert predict_folder(request).rows_out == ROWS
    assert success(tmp_path / "out")["rows_out"] == ROWS
