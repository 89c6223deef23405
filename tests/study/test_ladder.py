"""The whole ladder on the same rows: arms, curve, folds, files of predictions, and what is refused beforehand."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lightune.config import AnalysisConfig, CurveConfig, DataConfig, ZeroShotConfig
from lightune.errors import ConfigError, DataError
from lightune.records import StudyResult, from_json, to_json
from lightune.report import load_result
from lightune.study import in_process, run_study
from lightune.study.handover import read_splits
from lightune.study.portion import portion
from lightune.study.runs import failed_record
from tests.fixtures.models import save_classifier
from tests.fixtures.reviews import make_reviews, write_csv
from tests.study.shared import never, quick_config, unchanged, write_reviews

pytestmark = pytest.mark.full

CHEAP = ("majority", "tfidf")
ALL = ("majority", "tfidf", "pretrained", "zero-shot", "probe", "lora", "full")


@pytest.fixture(scope="module")
def ladder(tmp_path_factory, tiny_gpt2):
    """Every arm, two seeds, a curve of the cheap ones."""
    base = tmp_path_factory.mktemp("ladder")
    config = quick_config(
        tiny_gpt2,
        write_reviews(base / "reviews", 120, 60),
        arms=ALL,
        seeds=2,
        curve=CurveConfig((20, 40, 60), ("tfidf", "majority"), 2),
        analysis=AnalysisConfig(),
    )
    return config, run_study(config, base / "out", executor=in_process), base / "out"


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def by_name(result: StudyResult) -> dict:
    return {arm.name: arm for arm in result.arms}


def test_every_arm_has_a_result_on_the_same_rows(ladder):
    _, result, _ = ladder
    arms = by_name(result)
    assert tuple(arms) == ALL
    assert {arm.status for arm in result.arms} == {"done"}
    assert {sum(map(sum, arm.confusion)) for arm in result.arms} == {60}
    assert arms["tfidf"].metrics["accuracy"].value > arms["majority"].metrics["accuracy"].value
    assert len(arms["lora"].seeds) == len(arms["full"].seeds) == 2
    assert [seed.train_size for seed in arms["tfidf"].seeds] == [108, 20, 20, 40, 40, 60, 60]
    assert arms["tfidf"].validation_use == "chose C by loss, then learned from it too"
    assert arms["majority"].validation_use == "nothing"
    assert arms["tfidf"].calibration.ece.value >= 0
    assert arms["full"].stock_route == "merged"


def test_the_statistics_are_all_there(ladder):
    _, result, _ = ladder
    first = [one for one in result.comparisons if one.seed == 0]
    assert len(first) == math.comb(len(ALL), 2)
    assert all(one.p_holm >= one.p_value for one in first)
    assert {(one.a, one.b) for one in result.seed_comparisons} >= {("full", "lora"), ("lora", "tfidf")}
    assert result.verdict.subject in ("lora", "full")
    assert result.verdict.rival not in ("lora", "full")
    costs = {"seconds", "peak_memory_bytes", "artifact_bytes", "trainable_parameters", "fit_seconds"}
    assert {front.cost for front in result.frontiers} == costs


def test_the_findings_are_all_there(ladder):
    _, result, _ = ladder
    found = result.findings
    assert {"length", "label"} <= {part.group for part in found.slices}
    assert {one.arm for one in found.alone_right} == set(ALL)
    assert found.overlap.accuracy.keys() == set(ALL)
    assert [curve.arm for curve in found.curves] == ["majority", "tfidf"]
    assert [point.train_size for point in found.curves[1].points] == [20, 40, 60, 108]
    assert [len(point.accuracy) for point in found.curves[1].points] == [2, 2, 2, 1]
    # The labels are bad and good, and the texts English.
    assert found.behaviour.left_out is None
    assert {arm for test in found.behaviour.tests for arm in test.scores} == set(ALL)


def test_the_result_comes_back_from_disk_as_it_was(ladder):
    _, result, out = ladder
    assert to_json(load_result(out)) == to_json(result)
    assert from_json(StudyResult, to_json(result)).verdict == result.verdict


def test_points_of_a_curve_save_no_artefact_and_stand_among_the_predictions(ladder):
    _, _, out = ladder
    table = pq.read_table(out / "predictions" / "tfidf.parquet")
    assert set(table["train_size"].to_pylist()) == {20, 40, 60, 108}
    assert sorted(path.name for path in (out / "arms").iterdir()) == sorted(ALL)


def test_more_points_and_seeds_extend_the_study_and_run_nothing_again(ladder, tmp_path):
    config, _, out = ladder
    asked = []

    def executor(spec, progress):
        asked.append((spec.key.arm, spec.key.train_size, spec.key.seed))
        return in_process(spec, progress)

    more = replace(config, arms=("tfidf",), seeds=1, curve=CurveConfig((80,), ("tfidf",), 2))
    result = run_study(more, out, executor=executor)
    assert set(asked) == {(arm, 80, seed) for arm in ("tfidf", "majority") for seed in (0, 1)}
    assert [point.train_size for point in result.findings.curves[-1].points] == [20, 40, 60, 80, 108]


def test_a_smaller_subset_is_part_of_a_larger_one_and_seeds_draw_others(tiny_gpt2, tmp_path):
    seen = {}

    def executor(spec, progress):
        rows = portion(read_splits(Path(spec.data)), spec.config, spec.key).train
        seen[spec.key.train_size, spec.key.seed] = set(rows.row_ids)
        return in_process(spec, progress)

    config = quick_config(
        tiny_gpt2, write_reviews(tmp_path / "r", 100, 20), arms=("majority",), curve=CurveConfig((10, 30), None, 2)
    )
    run_study(config, tmp_path / "out", executor=executor)
    assert seen[10, 0] < seen[30, 0] < seen[90, 0]
    assert seen[10, 1] < seen[30, 1]
    assert seen[30, 0] != seen[30, 1]
    assert [len(rows) for rows in seen.values()] == [90, 10, 10, 30, 30]


def test_validation_shrinks_with_train_along_a_curve(tiny_gpt2, tmp_path):
    """An arm that learns from validation too would else learn from hundreds of rows at each point."""
    seen = {}

    def executor(spec, progress):
        seen[spec.key.train_size] = len(portion(read_splits(Path(spec.data)), spec.config, spec.key).validation)
        return in_process(spec, progress)

    config = quick_config(
        tiny_gpt2,
        write_reviews(tmp_path / "r", 600, 20),
        arms=("majority",),
        curve=CurveConfig((50, 200, 400), None, 1),
    )
    config = replace(config, data=replace(config.data, validation_size=100))
    run_study(config, tmp_path / "out", executor=executor)
    assert seen == {500: 100, 50: 20, 200: 40, 400: 80}


def test_a_run_of_a_curve_that_fails_is_told_and_costs_nothing_else(tiny_gpt2, tmp_path):
    def executor(spec, progress):
        return failed_record(spec, "no luck") if spec.key.train_size == 30 else in_process(spec, progress)

    config = quick_config(
        tiny_gpt2, write_reviews(tmp_path / "r", 100, 20), arms=("majority",), curve=CurveConfig((10, 30), None, 1)
    )
    result = run_study(config, tmp_path / "out", executor=executor)
    assert result.arms[0].status == "done"
    assert result.findings.curves[0].failed == ("The run on 30 rows (seed 0) failed: no luck",)


def test_narrower_curve_arms_of_a_later_call_drop_no_curve(tiny_gpt2, tmp_path):
    data = write_reviews(tmp_path / "r", 100, 20)
    first = quick_config(tiny_gpt2, data, arms=CHEAP, curve=CurveConfig((10, 20, 30), None, 1))
    run_study(first, tmp_path / "out", executor=in_process)
    second = replace(first, curve=CurveConfig((40,), ("tfidf",), 1))
    result = run_study(second, tmp_path / "out", executor=in_process)
    assert [curve.arm for curve in result.findings.curves] == list(CHEAP)
    assert {len(curve.points) for curve in result.findings.curves} == {5}


def test_a_run_whose_predictions_are_gone_is_done_again(tiny_gpt2, tmp_path):
    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "r", 40, 20), arms=CHEAP)
    run_study(config, tmp_path / "out", executor=in_process)
    (tmp_path / "out" / "runs" / "tfidf-n36-s0" / "predictions.parquet").write_bytes(b"PAR1")
    asked = []

    def executor(spec, progress):
        asked.append(spec.key.arm)
        return in_process(spec, progress)

    run_study(config, tmp_path / "out", executor=executor)
    assert asked == ["tfidf"]


def test_an_arm_that_cannot_be_asked_costs_the_study_nothing(tiny_gpt2, tmp_path, monkeypatch):
    def broken(self, texts, on_rows=None):
        raise ValueError("no")

    monkeypatch.setattr("lightune.inference.classifier.TextClassifier.probabilities", broken)
    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "r", 40, 20), arms=CHEAP, analysis=AnalysisConfig())
    result = run_study(config, tmp_path / "out", executor=in_process)
    assert {arm.status for arm in result.arms} == {"done"}
    assert result.findings.behaviour.left_out_arms["tfidf"] == "It could not be asked (ValueError: no)."


def test_a_file_of_true_labels_is_not_taken_for_predictions(tiny_gpt2, tmp_path):
    data = write_reviews(tmp_path / "r", 40, 20)
    config = quick_config(tiny_gpt2, data, arms=("majority", f"api={data / 'test.csv'}"))
    with pytest.raises(ConfigError, match="holds the true label of every test row"):
        run_study(config, tmp_path / "out", executor=never)


def test_like_rows_of_a_cross_validation_are_said_aloud(tiny_gpt2, tmp_path):
    data = write_csv(tmp_path / "all.csv", [*make_reviews(40), *make_reviews(40)])
    config = replace(quick_config(tiny_gpt2, data, arms=("majority",)), data=DataConfig(str(data), folds=2))
    found = run_study(config, tmp_path / "out", executor=in_process).findings
    assert found.overlap is None
    assert "rows are like an earlier one" in found.left_out["near-duplicates"]


def test_unlabelled_texts_without_an_arm_to_ask_are_left_as_they_are(tiny_gpt2, tmp_path):
    unlabelled = write_csv(tmp_path / "new.csv", [("1", "text")], ("id", "text"))
    data, told = write_reviews(tmp_path / "r", 40, 20), []
    config = quick_config(tiny_gpt2, data, arms=("majority",), analysis=AnalysisConfig(label_next=str(unlabelled)))
    run_study(config, tmp_path / "out", lambda event: told.append((event.kind, event.phase)), executor=in_process)
    assert ("ranked", "The unlabelled texts were not ranked: no arm was saved that could be asked about them.") in told


def test_each_row_is_tested_once_a_repeat_in_a_cross_validation(tiny_gpt2, tmp_path):
    data = write_csv(
        tmp_path / "all.csv", [(f"{text} {at}", label) for at, (text, label) in enumerate(make_reviews(90))]
    )
    config = quick_config(tiny_gpt2, data, arms=CHEAP)
    config = replace(config, data=DataConfig(str(data), folds=3, repeats=2))
    result = run_study(config, tmp_path / "out", executor=in_process)
    assert (result.cross_validation.folds, result.cross_validation.repeats) == (3, 2)
    tfidf = by_name(result)["tfidf"]
    assert sum(map(sum, tfidf.confusion)) == 90
    assert len(tfidf.seeds) == 6
    ids = pq.read_table(tmp_path / "out" / "predictions" / "tfidf.parquet")["row_id"].to_pylist()
    assert len(ids) == 180
    assert len(set(ids)) == 90
    assert result.comparisons[0].rows == 90
    assert (tmp_path / "out" / "arms" / "tfidf" / "lightune.json").exists()
    assert not (tmp_path / "out" / "arms" / "tfidf" / "seeds").exists()


def test_what_stands_in_a_file_joins_the_ladder(tiny_gpt2, tmp_path):
    data = write_reviews(tmp_path / "reviews", 60, 30)
    rows = read_csv(data / "test.csv")
    answers = dict.fromkeys((row["text"] for row in rows), "good")
    write_csv(tmp_path / "api.csv", list(answers.items()), ("text", "prediction"))
    arms = ("tfidf", f"api={tmp_path / 'api.csv'}")
    config = quick_config(tiny_gpt2, data, arms=arms, analysis=AnalysisConfig())
    result = run_study(config, tmp_path / "out", executor=in_process)
    api = by_name(result)["api"]
    assert api.status == "done"
    assert api.labels_only
    assert api.cost is None
    assert math.isnan(api.metrics["loss"].value)
    assert api.metrics["accuracy"].value == 0.5
    assert api.stock_route.startswith("none: ")
    assert result.findings.behaviour.left_out_arms["api"].startswith("It saved nothing")
    # The same again keeps it; another content of the file is another run.
    run_study(config, tmp_path / "out", executor=never)
    write_csv(tmp_path / "api.csv", list(dict.fromkeys(answers, "bad").items()), ("text", "prediction"))
    with pytest.raises(ConfigError, match=r"its arm 'api' .* was made with other settings"):
        run_study(config, tmp_path / "out", executor=never)
    write_csv(tmp_path / "other.csv", list(answers.items()), ("text", "prediction"))
    other = replace(config, arms=("tfidf", f"api={tmp_path / 'other.csv'}"))
    with pytest.raises(ConfigError, match="'api' was read from another file"):
        run_study(other, tmp_path / "out", executor=never)


def test_unlabelled_texts_are_ranked_by_the_best_arm(tiny_gpt2, tmp_path):
    data = write_reviews(tmp_path / "reviews", 60, 30)
    unlabelled = write_csv(
        tmp_path / "new.csv", [(str(at), text) for at, (text, _) in enumerate(make_reviews(20, 5))], ("id", "text")
    )
    config = quick_config(tiny_gpt2, data, arms=CHEAP, analysis=AnalysisConfig(label_next=str(unlabelled)))
    run_study(config, tmp_path / "out", executor=in_process)
    ranked = read_csv(tmp_path / "out" / "label-next.csv")
    assert [row["rank"] for row in ranked] == [str(at + 1) for at in range(20)]
    assert {row["id"] for row in ranked} == {str(at) for at in range(20)}


def test_a_study_that_needs_no_model_loads_none_and_another_arm_may_come_later(tiny_gpt2, tmp_path):
    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "r", 40, 20), arms=CHEAP)
    nowhere = replace(config, model=replace(config.model, source=str(tmp_path / "model")))
    run_study(nowhere, tmp_path / "out", executor=in_process)
    save_classifier(tmp_path / "model", ("bad", "good"))
    result = run_study(replace(nowhere, arms=("pretrained",)), tmp_path / "out", executor=in_process)
    assert [arm.name for arm in result.arms] == [*CHEAP, "pretrained"]


@pytest.mark.parametrize("rows", [1, 5])
def test_a_handful_of_test_rows_runs_and_concludes_nothing(tiny_gpt2, tmp_path, rows):
    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "r", 60, 40), arms=("majority", "tfidf", "pretrained"))
    config = replace(config, data=replace(config.data, test_size=rows))
    result = run_study(config, tmp_path / "out", executor=in_process)
    assert {arm.status for arm in result.arms} == {"done"}
    assert result.verdict.kind == "too small"
    assert (tmp_path / "out" / "report.html").exists()


REFUSED = {
    "an unknown arm": ({"arms": ("majority", "magic")}, "--arms: 'magic' is no arm; there are majority, tfidf"),
    "a point larger than train": ({"curve": CurveConfig((10, 999))}, "--curve 999: train has 108 rows"),
    "a point smaller than the labels": ({"curve": CurveConfig((1,))}, "at least 2 is expected"),
    "a template without a label word": (
        {"arms": ("zero-shot",), "zero_shot": ZeroShotConfig(templates=("{text} It was great.",))},
        "label",
    ),
    "a template without a text": (
        {"arms": ("zero-shot",), "zero_shot": ZeroShotConfig(templates=("It was {label}.",))},
        "text",
    ),
    "words for no label": (
        {"arms": ("zero-shot",), "zero_shot": ZeroShotConfig(words={"mixed": "fine"})},
        "'mixed' is no label",
    ),
    "a column that is not there": ({"analysis": AnalysisConfig(slices=("genre",))}, "--slice genre"),
    "a suite that is not there": ({"analysis": AnalysisConfig(behaviour="nowhere.yaml")}, "nowhere.yaml"),
    "texts that are not there": ({"analysis": AnalysisConfig(label_next="nowhere.csv")}, "nowhere.csv"),
    "an arm of the curve that is none of the study": ({"curve": CurveConfig((10,), ("lora",))}, "--curve-arms"),
    "an arm of the curve that learns nothing": (
        {"arms": ("tfidf", "pretrained"), "curve": CurveConfig((10,), ("pretrained",))},
        "--curve-arms: pretrained learns nothing",
    ),
    "arms of a curve without points": ({"curve": CurveConfig((), ("tfidf",))}, "--curve-arms: the sizes"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused_before_anything_is_written(tiny_gpt2, tmp_path, change, said):
    data = write_reviews(tmp_path / "r", 120, 20)
    with unchanged(tmp_path), pytest.raises((ConfigError, DataError)) as caught:
        run_study(quick_config(tiny_gpt2, data, **{"arms": CHEAP, **change}), tmp_path / "out", executor=never)
    assert said in str(caught.value)


def test_zero_shot_of_a_model_without_a_language_head_is_refused_with_the_reason(tmp_path):
    model = save_classifier(tmp_path / "model", ("bad", "good"))
    config = quick_config(model, write_reviews(tmp_path / "r", 40, 20), arms=("zero-shot",))
    with pytest.raises(ConfigError, match=r"--arms zero-shot: .*needs a language model's head"):
        run_study(config, tmp_path / "out", executor=never)


def test_folds_are_for_data_without_a_test_split(tiny_gpt2, tmp_path):
    config = quick_config(tiny_gpt2, write_reviews(tmp_path / "r", 40, 20), arms=CHEAP)
    with pytest.raises(DataError, match=r"--folds: .* has a test split"):
        run_study(replace(config, data=replace(config.data, folds=3)), tmp_path / "out", executor=never)
