"""The notebook for newcomers runs from top to bottom, without the hub, in a folder that holds nothing else."""

import re
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_saved_without_outputs(notebook):
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


def test_its_kernel_is_any_python(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_it_names_no_path_of_a_machine(notebook):
    assert not re.search(r"/(work|home|root|Users|tmp)/", nbformat.writes(notebook))


def test_it_says_that_it_takes_a_subset(notebook):
    assert "takes a subset" in notebook.cells[0].source


@pytest.mark.full
# The client's own libraries warn of what they will change.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_runs(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = nbformat.from_dict(notebook)
    start = time.monotonic()
    NotebookClient(done, timeout=400, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    print(f"the notebook took {time.monotonic() - start:.0f} s")

    silent = [cell.source for cell in done.cells if cell.cell_type == "code" and not cell.outputs]
    assert silent == []
    said = "\n".join(
        output.text for cell in done.cells for output in cell.get("outputs", []) if output.get("name") == "stdout"
    )
    accuracies = [float(value) for value in re.findall(r"^  accuracy (\d+\.\d)% \(", said, re.MULTILINE)]
    assert len(accuracies) == 2
    assert all(30 < value < 100 for value in accuracies)
    assert re.search(r"McNemar's p = [\d.e-]+", said)
    assert said.count(" -> ") == 4
    difference = re.search(r"largest difference (\S+)", said)
    assert difference is not None
    assert float(difference[1]) <= 1e-5

    pictures = [
        output for cell in done.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2
    (study,) = tmp_path.glob("lightune-*/first")
    assert (study / "report.html").is_file()
