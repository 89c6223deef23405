"""docs/methods.md is what its command finds: the page against its findings, these against the methods."""

from __future__ import annotations

import re
from functools import cache

import peft
import pytest

from lightune.catalogue import METHODS
from lightune.certification import try_method
from lightune.models import quiet_transformers
from scripts import methods_found, methods_table
from tests.docs.blocks import ROOT
from tests.fixtures.models import KINDS, tiny_config

PAGE, FINDINGS = ROOT / "docs" / "methods.md", ROOT / "docs" / "methods.json"
# Ten seconds and more each, for singular values of full-width weights that the count does not depend on.
SLOW_TO_COUNT = {"frod", "pissa", "tinylora", "psoft", "osf"}
# A case of each way to be saved and certified, and those that tripped once.
CERTIFIED = [
    ("gpt2", "lora"),
    ("gpt2", "bitfit"),
    ("gpt2", "poly"),
    ("gpt2", "adaption-prompt"),
    ("llama", "beft"),
    ("bert", "p-tuning"),
    ("roberta", "prefix-tuning"),
    ("modernbert", "shadow"),
    ("bart", "osf"),
    ("t5", "ia3"),
    ("distilbert", "trainable-tokens"),
    ("deberta-v2", "lora"),
    ("qwen2", "multitask-prompt-tuning"),
]
# Beside GPT-2, where all are tried.
TRIED = [
    ("t5", "prompt-tuning"),
    ("distilbert", "prefix-tuning"),
    ("deberta-v2", "poly"),
    ("bart", "trainable-tokens"),
    ("llama", "bitfit"),
    ("qwen2", "adaption-prompt"),
    ("bert", "shadow"),
    ("modernbert", "gralora"),
]


@cache
def findings() -> methods_found.Findings:
    return methods_found.read(FINDINGS)


def test_the_page_is_what_its_findings_say():
    assert PAGE.read_text(encoding="utf-8") == methods_table.page(findings())


def test_it_has_every_family_and_every_method():
    assert list(findings().families) == list(methods_found.FAMILIES)
    assert set(findings().families) == set(KINDS)
    for kind, own in findings().families.items():
        assert list(own) == list(METHODS), kind
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([\w-]+)\]\(#\1\) \|((?: [✓\d]+ \|)+)$", text, re.MULTILINE)
    assert [name for name, _ in rows] == list(METHODS)
    assert {marks.count("|") for _, marks in rows} == {len(KINDS)}
    assert re.findall(r"^### ([a-z][\w-]*)$", text, re.MULTILINE) == list(METHODS)


def test_every_method_of_peft_is_there_and_most_work_on_gpt2():
    own = {method.peft: name for name, method in METHODS.items() if method.peft and method.variant_of is None}
    assert set(own) == {kind.value for kind in peft.PeftType}
    works = [name for name in own.values() if findings().families["gpt2"][name].works]
    assert len(works) >= 38
    assert set(findings().parameters) == {name for name, one in findings().families["gpt2"].items() if one.works}


def test_no_certificate_fails_and_what_does_not_work_has_a_reason_in_one_sentence():
    for kind, own in findings().families.items():
        for name, one in own.items():
            assert not one.failed, (kind, name)
            assert one.works == (one.reason is None) == (one.passed > 0), (kind, name)
            if one.reason is not None:
                assert not re.search(r"Error|Exception|torch|`|\n", one.reason), one.reason


def test_it_was_made_with_the_packages_that_are_installed():
    assert findings().versions == methods_found.versions()


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
@pytest.mark.parametrize(("kind", "name"), [*(("gpt2", name) for name in METHODS if name != "qlora"), *TRIED])
def test_trying_it_again_finds_the_same(kind, name):
    with quiet_transformers():
        tried = try_method(tiny_config(kind), METHODS[name])
    kept = findings().families[kind][name]
    assert (tried.works, tried.reason) == (kept.works, kept.reason)
    assert tried.stock_route == kept.route


@pytest.mark.full
@pytest.mark.parametrize(("kind", "name"), CERTIFIED)
def test_certifying_it_again_finds_the_same(kind, name):
    assert methods_found.look(kind, METHODS[name]) == findings().families[kind][name]


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
@pytest.mark.parametrize("name", [name for name in METHODS if name not in SLOW_TO_COUNT])
def test_counting_its_parameters_again_gives_the_same(name):
    if name in findings().parameters:
        assert methods_found.parameters(METHODS[name]) == findings().parameters[name]
