"""What a study leaves, looked at from outside: as design.md's contracts say, with other libraries' arithmetic."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn import metrics as sk

from lightune.certification import CERTIFICATE, REFERENCE
from lightune.config import config_from_yaml
from lightune.data import load_rows, row_ids
from tests.fixtures.reviews import make_reviews
from tests.study.shared import LABELS, Finished

pytestmark = pytest.mark.full

STUDIES = pytest.mark.parametrize("study", ["finished", "three_labels"])


@pytest.fixture
def done(study: str, request: pytest.FixtureRequest) -> Finished:
    return request.getfixturevalue(study)


def _results(done: Finished):
    return json.loads((done.folder / "results.json").read_text(encoding="utf-8"))


def _table(done: Finished, arm: str, seed: int = 0):
    table = pq.read_table(done.folder / "predictions" / f"{arm}.parquet").to_pandas()
    return table[(table.split == "test") & (table.seed == seed)].reset_index(drop=True)


def _names(done: Finished):
    return list(done.result.data.label_names)


def _predicted(table, names):
    return np.asarray(names)[table[[f"p_{name}" for name in names]].to_numpy().argmax(axis=1)]


@STUDIES
def test_the_folder_holds_what_the_contract_names_and_nothing_half_done(done):
    files = {str(path.relative_to(done.folder)) for path in done.folder.rglob("*") if path.is_file()}
    expected = {"config.yaml", "results.json", "report.html", "report.md", "data/test.parquet"}
    expected |= {f"predictions/{arm}.parquet" for arm in ("lora", "pretrained")}
    expected |= {f"arms/{arm}/{name}" for arm in ("lora", "pretrained") for name in ("lightune.json", "README.md")}
    expected |= {"arms/lora/adapter_model.safetensors", "arms/lora/tokenizer.json"}
    assert expected <= files
    assert not [name for name in files if "checkpoint" in name or "partial" in name or name.startswith(".work")]
    assert {path.name for path in done.folder.iterdir()} == {
        *(
            "config.yaml",
            "results.json",
            "report.html",
            "report.md",
            "predictions",
            "data",
            "arms",
            "runs",
            ".cache",
            ".lock",
        ),
    }


@STUDIES
def test_the_saved_configuration_is_the_one_that_was_run(done):
    text = (done.folder / "config.yaml").read_text(encoding="utf-8")
    assert config_from_yaml(text) == done.config
    assert yaml.safe_load(text) == _results(done)["config"]


@STUDIES
def test_results_json_has_the_keys_of_the_contract(done):
    results = _results(done)
    assert {"schema_version", "config", "environment", "data", "arms", "comparisons"} <= set(results)
    assert results["schema_version"] == 1
    assert [arm["name"] for arm in results["arms"]] == list(done.config.arms)
    for arm in results["arms"]:
        assert arm["status"] == "done"
        assert arm["reason"] is None
        assert {"accuracy", "f1", "macro_f1", "precision", "recall", "loss", "mcc", "auroc"} <= set(arm["metrics"])
        for metric in arm["metrics"].values():
            assert set(metric) == {"value", "low", "high"}
            assert metric["low"] <= metric["value"] <= metric["high"]
        assert {
            *("fit_seconds", "predict_seconds", "trainable_parameters", "total_parameters"),
            *("peak_memory_bytes", "artifact_bytes"),
        } <= set(arm["cost"])
        assert arm["seeds"]
        assert arm["stock_route"]
    for one in results["comparisons"]:
        assert {"a", "b", "delta_accuracy", "delta_f1", "p_value", "wins", "losses", "seed"} <= set(one)
        assert set(one["delta_accuracy"]) == set(one["delta_f1"]) == {"value", "low", "high"}


@STUDIES
@pytest.mark.parametrize("arm", ["lora", "pretrained"])
def test_predictions_have_exactly_the_columns_of_the_contract(done, arm):
    table = pq.read_table(done.folder / "predictions" / f"{arm}.parquet")
    wanted = ["row_id", "split", "train_size", "seed", "label", *(f"p_{name}" for name in _names(done))]
    assert table.column_names == wanted
    frame = table.to_pandas()
    assert set(frame.train_size) == {done.result.data.splits["train"].rows}
    assert np.allclose(frame[wanted[5:]].sum(axis=1), 1)
    assert not frame.duplicated(["row_id", "split", "train_size", "seed"]).any()


@STUDIES
@pytest.mark.parametrize("arm", ["lora", "pretrained"])
def test_metrics_are_those_that_scikit_learn_computes_from_the_saved_predictions(done, arm):
    names = _names(done)
    wanted = next(one for one in _results(done)["arms"] if one["name"] == arm)
    seeds = sorted({entry["seed"] for entry in wanted["seeds"]})
    assert len(seeds) == len(wanted["seeds"])
    means = []
    for seed in seeds:
        table = _table(done, arm, seed)
        true, guess = table.label.to_numpy(), _predicted(table, names)
        kind = {"pos_label": names[1], "average": "binary"} if len(names) == 2 else {"average": "macro"}
        found = {
            "accuracy": sk.accuracy_score(true, guess),
            "f1": sk.f1_score(true, guess, zero_division=0, **kind),
            "macro_f1": sk.f1_score(true, guess, average="macro", zero_division=0),
            "precision": sk.precision_score(true, guess, zero_division=0, **kind),
            "recall": sk.recall_score(true, guess, zero_division=0, **kind),
            "loss": sk.log_loss(true, table[[f"p_{name}" for name in names]].to_numpy(), labels=names),
            "mcc": sk.matthews_corrcoef(true, guess),
        }
        entry = next(entry for entry in wanted["seeds"] if entry["seed"] == seed)
        assert {name: entry["metrics"][name] for name in found} == pytest.approx(found, abs=1e-9)
        means.append(found)
        if seed == seeds[0]:
            assert wanted["confusion"] == sk.confusion_matrix(true, guess, labels=names).tolist()
    for name in means[0]:
        assert wanted["metrics"][name]["value"] == pytest.approx(np.mean([one[name] for one in means]), abs=1e-9)


@STUDIES
def test_a_comparison_counts_the_rows_that_only_one_of_the_two_has_right(done):
    results = _results(done)
    assert [(one["a"], one["b"], one["seed"]) for one in results["comparisons"]] == [("lora", "pretrained", 0)]
    one = results["comparisons"][0]
    a, b = _table(done, "lora"), _table(done, "pretrained")
    both = a.merge(b, on="row_id", suffixes=("_a", "_b"), validate="one_to_one")
    assert len(both) == one["rows"] == len(a)
    names = _names(done)
    right = {}
    for side in "ab":
        values = both[[f"p_{name}_{side}" for name in names]].to_numpy()
        right[side] = np.asarray(names)[values.argmax(axis=1)] == both[f"label_{side}"].to_numpy()
    assert one["wins"] == (right["a"] & ~right["b"]).sum()
    assert one["losses"] == (right["b"] & ~right["a"]).sum()
    assert one["delta_accuracy"]["value"] == pytest.approx(right["a"].mean() - right["b"].mean())


@STUDIES
def test_the_pretrained_model_without_a_head_is_measured_over_five_of_them(done):
    arm = next(one for one in _results(done)["arms"] if one["name"] == "pretrained")
    assert [entry["seed"] for entry in arm["seeds"]] == [0, 1, 2, 3, 4]
    values = [entry["metrics"]["accuracy"] for entry in arm["seeds"]]
    assert arm["metrics"]["accuracy"]["value"] == pytest.approx(np.mean(values))
    losses = {round(entry["metrics"]["loss"], 9) for entry in arm["seeds"]}
    assert len(losses) == 5  # five heads, not one five times


def test_lora_learns_what_an_untrained_head_cannot_know(finished):
    value = {arm.name: arm.metrics["accuracy"].value for arm in finished.result.arms}
    assert value["lora"] >= value["pretrained"] + 0.10
    assert finished.result.comparisons[0].wins > finished.result.comparisons[0].losses


def test_a_training_is_on_record_with_its_recipe_and_its_looks_at_the_validation_rows(finished):
    training = next(arm for arm in finished.result.arms if arm.name == "lora").training
    assert training.planned_steps == 80
    assert training.recipe["learning_rate"] == 1e-2
    steps = [point.step for point in training.history if point.validation]
    assert all(one < other for one, other in pairwise(steps))
    assert training.best_step in steps
    assert all(math.isfinite(point.validation["loss"]) for point in training.history if point.validation)


def test_costs_are_those_of_each_run(finished):
    cost = {arm.name: arm.cost for arm in finished.result.arms}
    assert cost["pretrained"].trainable_parameters == 0
    assert 0 < cost["lora"].trainable_parameters < cost["lora"].total_parameters
    assert cost["pretrained"].total_parameters < cost["lora"].total_parameters
    assert cost["pretrained"].fit_seconds == 0
    assert cost["lora"].fit_seconds > 0
    for arm, one in cost.items():
        # Its certificate is no part of what it takes to use it.
        papers = (CERTIFICATE, REFERENCE)
        here = (finished.folder / "arms" / arm).rglob("*")
        files = [path for path in here if path.is_file() and path.name not in papers]
        assert one.artifact_bytes == sum(path.stat().st_size for path in files)
        assert one.predict_seconds > 0
        assert one.predict_rows_per_second == pytest.approx(60 / one.predict_seconds)


@STUDIES
def test_the_reloaded_artefact_was_compared_with_the_one_in_memory(done):
    for arm in done.result.arms:
        assert 0 <= arm.reload_difference <= 1e-5


@STUDIES
def test_stock_routes_are_named(done):
    routes = {arm.name: arm.stock_route for arm in done.result.arms}
    assert routes["lora"] == "adapter"
    assert routes["pretrained"].startswith("none: ")


def test_the_kept_data_are_the_test_rows_as_they_stand_in_the_source(finished):
    kept = load_rows(finished.folder / "data" / "test.parquet")
    reviews = make_reviews(60, seed=1)
    assert sorted(kept.texts) == sorted(text for text, _ in reviews)
    assert set(kept.row_ids) == set(row_ids(text for text, _ in reviews))
    labels = dict(reviews)
    assert [("bad", "good")[label] for label in kept.labels] == [labels[text] for text in kept.texts]
    assert set(_table(finished, "lora").row_id) == set(kept.row_ids)


def test_labels_are_never_altered(three_labels):
    assert three_labels.result.data.label_names == LABELS
    assert three_labels.result.data.positive_label is None
    assert set(_table(three_labels, "lora").label) == set(LABELS)


def test_one_file_without_a_test_split_is_cut_in_proportion_and_said_to_be(three_labels):
    facts = three_labels.result.data
    assert sum(split.rows for split in facts.splits.values()) == 90
    counts = set(facts.splits["test"].labels.values())
    assert max(counts) - min(counts) <= 1
    assert any("test" in note for note in facts.notes)


@STUDIES
def test_the_report_names_every_arm_with_its_accuracy(done):
    page = (done.folder / "report.md").read_text(encoding="utf-8")
    for arm in done.result.arms:
        assert arm.name in page
        assert f"{100 * arm.metrics['accuracy'].value:.1f} %" in page
