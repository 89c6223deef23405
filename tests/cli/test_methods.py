"""`lightune methods`, and what `lightune study` refuses about methods and their options."""

from __future__ import annotations

import json

import pytest

from lightune.catalogue import METHODS
from tests.fixtures.models import save_language_model
from tests.study.shared import write_reviews


@pytest.fixture
def few():
    """A catalogue of four, so that trying them all takes a second: two work on GPT-2."""
    names, whole = ("lora", "lily", "bitfit", "cpt"), dict(METHODS)
    for name in set(METHODS) - set(names):
        del METHODS[name]
    yield names
    # As a whole, since what is put back one by one stands in another order.
    METHODS.clear()
    METHODS.update(whole)


def test_all_methods_are_listed(command):
    said = command("methods")
    assert said.code == 0
    assert all(name in said.out for name in METHODS)
    assert said.err == ""


def test_as_json_it_is_a_list_with_name_and_whether_it_works(command):
    said = command("methods --json")
    (line,) = said.out.splitlines()
    found = json.loads(line)
    assert [one["name"] for one in found] == list(METHODS)
    assert all(one["works"] is None for one in found)
    assert {one["name"] for one in found if one["reason"]} == {"lily", "xlora", "cpt"}


@pytest.mark.full
def test_a_models_methods_are_tried(command, few, tiny_gpt2):
    found = json.loads(command(f"methods --model {tiny_gpt2} --json").out)
    assert [(one["name"], one["works"]) for one in found] == [
        ("lora", True),
        ("lily", False),
        ("bitfit", True),
        ("cpt", False),
    ]
    assert [one["reason"] is None for one in found] == [True, False, True, False]
    assert found[0]["stock_route"] == "adapter"
    assert found[0]["reload_difference"] < 1e-5


@pytest.mark.full
def test_for_people_it_ends_with_the_count(command, few, tiny_gpt2):
    said = command(f"methods --model {tiny_gpt2}")
    assert said.code == 0
    assert said.out.splitlines()[-1].startswith("2 of 4 work on")
    assert said.out.strip().endswith("of peft's own methods 1.")
    assert "its router averages over all tokens" in " ".join(said.out.split())


@pytest.mark.full
def test_why_not_is_the_methods_own_sentence(command, few, tmp_path):
    folder = save_language_model(tmp_path / "llama", "llama")
    found = {one["name"]: one for one in json.loads(command(f"methods --model {folder} --json").out)}
    assert found["bitfit"]["reason"] == (
        "it needs linear layers or layer norms with biases, which this architecture does not have"
    )


def test_a_model_that_is_none_is_refused(command):
    said = command("methods --model ./nowhere")
    assert (said.code, said.out) == (2, "")
    assert "./nowhere" in said.err
    assert said.err.count("\n") == 1


REFUSED = [
    ("--arms lily", "--arms lily: it cannot be an arm: its router averages over all tokens of a batch"),
    ("--arms xlora", "--arms xlora: it cannot be an arm: it mixes LoRA adapters that were trained before"),
    ("--arms cpt", "--arms cpt: it cannot be an arm: peft has it for language models"),
    ("--arms vera --set vera.r", "--set: METHOD.OPTION=VALUE is expected, as vera.r=64, got 'vera.r'"),
    ("--arms vera --set r=3", "--set: METHOD.OPTION=VALUE is expected"),
    ("--arms vera --set vera.r=[", "--set vera.r: a number, a word or true or false is expected"),
    ("--arms vera --set vera.r=2020-13-45", "--set vera.r: a number, a word or true or false is expected"),
    ("--arms vera --set 'vera.r=!!bool x'", "--set vera.r: a number, a word or true or false is expected"),
    ("--arms vera --set varia.r=3", "--set varia"),
    ("--arms vera --set lora.r=3", "--set lora"),
    ("--arms vera --set vera.ranks=3", "--set vera.ranks: it is no option of VeRA; there are"),
    ("--arms bitfit --set bitfit.r=3", "--set bitfit.r: BitFit has no options"),
    ("--arms vera --set vera.r=0", "vera"),
    ("--arms vera --set vera.r=many", "vera"),
    ("--arms vera --rate-trials -1", "--rate-trials"),
]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    return write_reviews(tmp_path_factory.mktemp("reviews"), 30, 10)


@pytest.mark.parametrize(("words", "expected"), REFUSED, ids=[words for words, _ in REFUSED])
def test_a_study_says_what_is_wrong_with_a_method(command, reviews, tiny_gpt2, tmp_path, words, expected):
    out = tmp_path / "out"
    said = command(f"study --model {tiny_gpt2} --data {reviews} --out {out} {words}")
    assert (said.code, said.out) == (2, "")
    assert expected in said.err
    assert said.err.count("\n") == 1
    assert not out.exists()


def test_qlora_is_refused_where_it_cannot_run(command, reviews, tiny_gpt2, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = command(f"study --model {tiny_gpt2} --data {reviews} --out {tmp_path / 'out'} --arms qlora")
    assert said.code == 2
    assert "--arms qlora: it needs a CUDA device" in said.err
    assert not (tmp_path / "out").exists()


def test_a_method_that_the_architecture_has_no_place_for_is_refused_before_it_starts(command, reviews, tmp_path):
    folder = save_language_model(tmp_path / "model", "distilbert")
    said = command(f"study --model {folder} --data {reviews} --out {tmp_path / 'out'} --arms prefix-tuning")
    assert said.code == 2
    assert "--arms prefix-tuning: Prefix tuning cannot be put on this model: it needs a classifier whose" in said.err
    assert "`lightune methods --model` tells which ones can." in said.err
    assert not (tmp_path / "out").exists()
