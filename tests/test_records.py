import json
import math
from dataclasses import replace

import numpy as np
import pytest

from lightune.records import Metric, Rows, RunKey, RunRecord, StudyResult, dumps, from_json, to_json

from .report import factory


@pytest.mark.parametrize("make", [factory.study, factory.with_splits, factory.many_labels])
def test_a_whole_result_comes_back_from_json_as_it_was(make):
    result = make()
    again = from_json(StudyResult, json.loads(dumps(result)))
    assert dumps(again) == dumps(result)
    assert again.data == result.data
    assert repr(again.comparisons) == repr(result.comparisons)
    assert [repr(arm.metrics) for arm in again.arms] == [repr(arm.metrics) for arm in result.arms]
    assert [arm.seeds for arm in again.arms] == [arm.seeds for arm in result.arms]


def test_what_is_not_defined_is_null_in_json_and_not_a_number_afterwards():
    text = dumps(Metric(math.nan, -math.inf, 0.5))
    assert json.loads(text) == {"value": None, "low": None, "high": 0.5}
    again = from_json(Metric, json.loads(text))
    assert math.isnan(again.value)
    assert again.high == 0.5


def test_an_absent_number_of_a_cost_stays_absent():
    cost = replace(factory.cost(), fit_tokens_per_second=None, peak_device_memory_bytes=None)
    again = from_json(type(cost), json.loads(dumps(cost)))
    assert again == cost


def test_json_is_utf8_text_with_numpy_values_as_plain_ones():
    text = dumps({"größe": np.int64(3), "wert": np.float32(0.5), "liste": (np.bool_(True),)})
    assert json.loads(text) == {"größe": 3, "wert": 0.5, "liste": [True]}
    assert "größe" in text
    assert text.endswith("}\n")


def test_keys_of_a_later_version_are_ignored():
    record = RunRecord(RunKey("lora", 10, 0), "failed", "why", (0,), "f" * 64)
    values = {**to_json(record), "new": 1}
    assert from_json(RunRecord, values) == record


@pytest.mark.parametrize("damage", [{"value": "high"}, {"low": []}])
def test_a_value_of_the_wrong_kind_is_named(damage):
    values = {"value": 1.0, "low": 0.0, "high": 2.0} | damage
    with pytest.raises(ValueError, match=f"not a Metric: .*{next(iter(damage))}"):
        from_json(Metric, values)


def test_a_missing_value_is_named():
    with pytest.raises(ValueError, match="high"):
        from_json(Metric, {"value": 1.0, "low": 0.0})


def test_taking_rows_keeps_everything_of_a_row_together_in_the_order_asked_for():
    rows = Rows(("a", "b", "c"), np.array([0, 1, 2]), ("x-0", "y-0", "z-0"), {"more": ("1", "2", "3")})
    taken = rows.take([2, 0])
    assert (taken.texts, taken.row_ids, taken.columns) == (("c", "a"), ("z-0", "x-0"), {"more": ("3", "1")})
    assert taken.labels.tolist() == [2, 0]
    assert len(rows.take([])) == 0


def test_runs_of_other_sizes_or_seeds_have_other_folders():
    keys = [RunKey(arm, size, seed) for arm in ("lora", "full") for size in (1, 11) for seed in (1, 11)]
    assert len({key.name for key in keys}) == len(keys)
