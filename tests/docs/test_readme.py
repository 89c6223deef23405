"""What README and the tutorial say is true: their commands run, and what they name is there."""

import re
import subprocess

import pytest

from lightune.config import DEFAULT_ARMS
from lightune.records import CrossValidation
from lightune.report import load_result
from tests.docs.blocks import ROOT, SECONDS, blocks, environment, run

RUN = ("README.md", "docs/tutorial.md")
DOCUMENTS = (
    *RUN,
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/behaviour.md",
    "docs/exports.md",
    "docs/how-numbers-are-computed.md",
    "docs/performance.md",
    "docs/methods.md",
    "docs/own-arm.md",
    "docs/predict.md",
    "docs/page.md",
    "docs/reliability.md",
    "docs/scaling.md",
    "docs/serve.md",
    "examples/cluster/README.md",
)
# Of other programs that the documents name, and of the repository's own scripts.
FOREIGN_OPTIONS = {
    *("--shared", "--turns", "--reviews"),
    *("--version", "--runner", "--model-id", "--write", "--families", "--from-findings"),
    *("--partition", "--account", "--requeue", "--repo-type", "--from-literal", "--no-cache-dir"),
    "--no-install-recommends",
    *("--silent", "--header", "--data", "--short", "--only", "--results"),
    *("--nproc-per-node", "--num_processes", "--multi_gpu", "--head", "--price"),
    *("--use_fsdp", "--fsdp_version", "--fsdp_auto_wrap_policy"),
}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_block_says_whether_it_is_run(document):
    for block in blocks(document):
        assert re.fullmatch(r"run|skip: \S.*", block.remark), f"{block.place}: `<!-- test: run -->` or `skip: reason`"


@pytest.mark.parametrize("document", RUN)
def test_documents_with_commands_have_blocks_that_run(document):
    assert any(block.runs for block in blocks(document))


@pytest.mark.full
def test_readme_runs(tmp_path):
    said = "\n".join(run(block, tmp_path) for block in blocks("README.md") if block.runs)
    assert re.search(r"^ *lora +\d+\.\d \(\d+\.\d-\d+\.\d\)", said, re.MULTILINE)
    assert '"label":' in said
    for name in ("report.html", "report.md", "results.json", "config.yaml", "arms/lora/lightune.json",
                 "arms/pretrained", "predictions/lora.parquet", "data/test.parquet", "label-next.csv",
                 ".cache", *(f"arms/{arm}/lightune.json" for arm in DEFAULT_ARMS)):  # fmt: skip
        assert (tmp_path / "runs" / "first" / name).exists(), name
    header = (tmp_path / "labelled.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "id,text,label,score,p_negative,p_positive"
    ladder = load_result(tmp_path / "runs" / "first")
    assert [arm.name for arm in ladder.arms] == [*DEFAULT_ARMS, "api"]
    assert {arm.status for arm in ladder.arms} == {"done"}
    assert ladder.arms[-1].labels_only
    (curve,) = ladder.findings.curves
    assert [point.train_size for point in curve.points] == [50, 100, 200, 400]
    assert load_result(tmp_path / "runs" / "folds").cross_validation == CrossValidation(3, 1)
    assert (tmp_path / "half.html").is_file()


@pytest.mark.full
@pytest.mark.parametrize(
    "arguments",
    [
        ["study", "--model", "embedded", "--data", "absent.csv", "--out", "out"],
        ["study", "--model", "embedded", "--text-column", "absent", "--out", "out"],
        ["study", "--no-such-option", "--out", "out"],
        ["study", "--model", "embedded", "--train-size", "many", "--out", "out"],
        ["study", "--model", "no-such-model", "--out", "out"],
        ["study", "--model", "embedded", "--arms", "no-such-arm", "--out", "out"],
        ["study", "--model", "embedded", "--arms", "api=absent.csv", "--out", "out"],
        ["study", "--model", "embedded", "--curve", "100000", "--out", "out"],
        ["study", "--model", "embedded", "--arms", "zero-shot", "--template", "It was {label}.", "--out", "out"],
        ["compare", "absent", "absent"],
        ["predict", "out", "a text"],
    ],
    ids=" ".join,
)
def test_wrong_input_ends_with_2_and_writes_nothing(arguments, tmp_path):
    done = subprocess.run(
        ["lightune", *arguments], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["demo", "test", "check"])
def test_make_has_the_targets(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) if "://" not in target]
    absent = [target for target in targets if not (ROOT / document).parent.joinpath(target).exists()]
    assert absent == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_files_of_the_house_are_where_a_document_says(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|scripts|examples|docs)/[\w./-]+\.(?:py|md|ipynb|csv))`", text)
    absent = [name for name in named if not (ROOT / name).exists()]
    assert absent == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_options_exist(document):
    import typer

    from lightune.cli.main import app

    known = {
        option
        for verb in typer.main.get_command(app).commands.values()
        for parameter in verb.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]+", text))
    assert named - known - FOREIGN_OPTIONS - {"--debug", "--help"} == set()


def test_the_figures_have_a_place():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.index("<!-- figures:start -->") < text.index("<!-- figures:end -->")


def test_the_table_of_time_and_cost_is_there():
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    between = text.split("<!-- scaling table: begin -->")[1].split("<!-- scaling table: end -->")[0]
    assert len([line for line in between.splitlines() if line.startswith("| ")]) > 30


def test_every_metric_is_explained():
    from lightune.evaluation import METRICS

    text = (ROOT / "docs" / "how-numbers-are-computed.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"`{name}`" not in text] == []


def test_every_cost_figure_is_explained():
    from dataclasses import fields

    from lightune.records import Cost

    text = (ROOT / "docs" / "how-numbers-are-computed.md").read_text(encoding="utf-8")
    assert [field.name for field in fields(Cost) if f"`{field.name}`" not in text] == []


def test_every_arm_is_told():
    from lightune.arms import KINDS
    from lightune.catalogue import METHODS

    rungs = [name for name in KINDS if name not in METHODS or name == "lora"]
    for document in ("README.md", "docs/tutorial.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        assert [name for name in rungs if f"`{name}`" not in text] == [], document
        assert "methods.md" in text  # where the other methods stand, with a test of its own
    assert f"`{','.join(DEFAULT_ARMS)}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_option_of_a_study_that_makes_runs_is_told():
    told = "\n".join((ROOT / document).read_text(encoding="utf-8") for document in RUN)
    options = ("--arms", "--seeds", "--curve", "--curve-arms", "--curve-seeds", "--folds", "--repeats", "--label-next",
               "--slice", "--behaviour", "--template", "--label-words", "--set", "--rate-trials")  # fmt: skip
    assert [option for option in options if not re.search(rf"{option}(?![\w-])", told)] == []


def test_the_tutorial_reads_every_section_of_the_report():
    sources = (ROOT / "src" / "lightune" / "report" / "sections").glob("*.py")
    titles = [title for path in sources for title in re.findall(r'title="([^"]+)"', path.read_text(encoding="utf-8"))]
    assert len(titles) > 10
    text = " ".join((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8").split())
    assert [title for title in titles if f"**{title}**" not in text] == []


def test_the_keys_of_the_results_are_told():
    from dataclasses import fields

    from lightune.records import ArmResult, Findings, StudyResult

    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = [field.name for record in (StudyResult, ArmResult, Findings) for field in fields(record)]
    assert [name for name in named if f"`{name}`" not in text] == []


def test_the_kinds_of_artefacts_are_told():
    from lightune.artifacts.manifest import KINDS

    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []


@pytest.mark.full
def test_the_built_in_suite_is_told_as_it_is():
    from lightune.behaviour import load_suite

    tests = load_suite(None).tests
    said = f"{len(tests)} tests of 60"
    for document in ("README.md", "docs/behaviour.md"):
        assert said in " ".join((ROOT / document).read_text(encoding="utf-8").split()), document


def test_the_recipe_is_told_as_it_is():
    from lightune.training import recipe

    least, most, epochs = recipe.LEAST_STEPS, f"{recipe.MOST_STEPS:,}", f"{recipe.MOST_EPOCHS:.0f}"
    for document in ("docs/tutorial.md", "docs/how-numbers-are-computed.md"):
        text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
        assert re.search(rf"at least {least} steps .?in at most {epochs} epochs.{{,10}} at most {most}", text), document


def test_no_document_names_a_machine():
    for document in DOCUMENTS:
        assert not re.search(r"/(work|home|root|Users)/", (ROOT / document).read_text(encoding="utf-8")), document
