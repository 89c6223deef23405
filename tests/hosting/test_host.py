"""Arms held together answer as each does alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lightune
from lightune.errors import ConfigError, ModelError
from lightune.hosting import Ask, Host, open_host, trunk
from lightune.methods import many_adapters
from tests.fixtures.bases import save_lively_model
from tests.hosting.studies import MANY, NAMES, save_method, save_pretrained, save_study

TEXTS = (
    "The plot is thin, and dull.",
    "",
    "A joy!",
    "I expected a disaster and got a delight; the cast was brilliant!",
    "<|endoftext|>",
    "The ending is a mess. " * 30,
)
SHORT = ("A joy!", "Dull.", "")


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies on one base, of two labels and of 77, and one with adapters that no trunk takes."""
    root = tmp_path_factory.mktemp("hosting")
    base = save_lively_model(root / "base", "gpt2")
    save_study(root / "moods", base)
    save_study(root / "topics", base, MANY, seed=1)
    for name in ("ia3", "dora"):
        save_method(root / "others", base, name)
    return root


@pytest.fixture(scope="module")
def host(studies: Path) -> Host:
    return open_host([studies / "moods", studies / "topics", studies / "others"])


def alone(studies: Path, name: str, texts: tuple[str, ...]) -> Any:
    study, arm = name.split("/")
    return lightune.load(studies / study, arm).logits(texts)


def test_each_arm_answers_as_it_does_alone(host, studies):
    for name, got in zip(host.models, host.answer([Ask(name, TEXTS) for name in host.models]), strict=True):
        assert got.shape == (len(TEXTS), len(host.models[name].labels))
        np.testing.assert_allclose(got, alone(studies, name, TEXTS), atol=1e-5, err_msg=name)


@pytest.mark.full
@pytest.mark.parametrize("limit", [0, 10**9], ids=["adapter by adapter", "mixed"])
def test_adapters_of_two_and_of_77_labels_answer_one_call_either_way(host, studies, monkeypatch, limit):
    monkeypatch.setattr(trunk, "MIX_BELOW", limit)
    names = ("moods/lora", "topics/lora", "moods/pretrained", "topics/pretrained")
    for name, got in zip(names, host.answer([Ask(name, TEXTS) for name in names]), strict=True):
        np.testing.assert_allclose(got, alone(studies, name, TEXTS), atol=1e-5, err_msg=name)


def test_short_texts_of_several_adapters_go_through_the_trunk_once(host, monkeypatch):
    passes: list[int] = []
    (shared,) = {host._trunks[name] for name in ("moods/lora", "topics/lora")}
    handle = shared.model.base_model.model.transformer.register_forward_hook(lambda *_: passes.append(1))
    try:
        host.answer([Ask("moods/lora", SHORT), Ask("topics/lora", SHORT), Ask("moods/pretrained", SHORT)])
    finally:
        handle.remove()
    assert len(passes) < 3


def test_answers_come_in_the_order_of_the_questions_whoever_asks_the_same_arm(host):
    first, second, third = host.answer(
        [Ask("moods/lora", TEXTS[:2]), Ask("topics/lora", TEXTS[2:3]), Ask("moods/lora", TEXTS[3:])]
    )
    whole = host.answer([Ask("moods/lora", TEXTS)])[0]
    np.testing.assert_allclose(first, whole[:2], atol=1e-5)
    np.testing.assert_allclose(third, whole[3:], atol=1e-5)
    np.testing.assert_allclose(second, host.answer([Ask("topics/lora", TEXTS)])[0][2:3], atol=1e-5)


def test_no_texts_and_no_questions(host):
    assert host.answer([]) == []
    assert host.answer([Ask("topics/lora", ())])[0].shape == (0, 77)
    with pytest.raises(KeyError):
        host.answer([Ask("nobody", TEXTS)])


@pytest.mark.full
def test_the_base_is_in_memory_once(host, studies):
    one = open_host([studies / "moods"], ["lora"])
    base = one.weight_bytes
    assert host.weight_bytes < 1.6 * base
    # Each alone: the same weights as often as there are arms on them.
    apart = sum(open_host([studies / study], [arm]).weight_bytes for study, arm in (n.split("/") for n in host.models))
    assert apart > 5 * base


@pytest.mark.full
def test_many_texts_do_not_write_an_adapter_into_the_weights_of_all(tmp_path, monkeypatch):
    monkeypatch.setattr("lightune.compute.scorer.MERGE_TEXTS", 1)
    monkeypatch.setattr("lightune.compute.scorer.MERGE_FROM", 1)
    base = save_lively_model(tmp_path / "base", "bert")
    save_method(tmp_path / "study", base, "lora")
    save_pretrained(tmp_path / "study", base)
    held = open_host([tmp_path / "study"])
    before = held.answer([Ask("pretrained", TEXTS)])[0]
    held.answer([Ask("lora", TEXTS * 4)])
    np.testing.assert_array_equal(held.answer([Ask("pretrained", TEXTS)])[0], before)


def test_what_is_known_of_an_arm(host, studies):
    lora = host.models["moods/lora"]
    assert (lora.study, lora.arm, lora.kind, lora.labels) == ("moods", "lora", "adapter", NAMES)
    assert lora.verified
    assert lora.temperature == 2.0
    assert lora.max_length == 64
    assert lora.report == studies / "moods" / "report.html"
    assert host.models["moods/majority"].max_length is None
    assert host.models["moods/pretrained"].temperature is None
    assert host.models["others/ia3"].report is None


def test_the_default_arm_and_its_baseline_answer_unasked(host):
    assert host.defaults == ("moods/lora", "moods/pretrained")
    assert list(host.models)[:3] == ["moods/lora", "moods/majority", "moods/pretrained"]


@pytest.mark.full
def test_one_study_s_arms_go_by_their_own_names(studies):
    held = open_host([studies / "moods"])
    assert list(held.models) == ["lora", "majority", "pretrained"]
    assert held.defaults == ("lora", "pretrained")


@pytest.mark.full
def test_an_arm_s_folder_and_folders_of_the_same_name(studies, tmp_path):
    base = studies / "base"
    save_study(tmp_path / "moods", base)
    held = open_host([studies / "moods" / "arms" / "lora", tmp_path / "moods", tmp_path / "moods"], ["lora"])
    assert list(held.models) == ["moods/lora", "moods-2/lora"]
    assert list(open_host([studies / "moods" / "arms" / "lora"]).models) == ["lora"]


@pytest.mark.full
def test_arms_of_one_study_are_of_one_study_however_they_are_named(studies, monkeypatch):
    arms = studies / "moods" / "arms"
    held = open_host([arms / "lora", arms / "pretrained"])
    assert list(held.models) == ["lora", "pretrained"] == list(held.defaults)
    monkeypatch.chdir(studies)
    assert list(open_host([Path("moods"), arms.parent, Path("topics/../moods")], ["lora"]).models) == ["lora"]


def test_a_mixed_pass_that_fails_leaves_the_others_as_they_were(host, monkeypatch):
    monkeypatch.setattr(trunk, "MIX_BELOW", 10**9)
    names = ("moods/lora", "topics/lora", "moods/pretrained")
    before = [host.answer([Ask(name, SHORT)])[0] for name in names]
    shared = host._trunks["moods/lora"].model.base_model.model.transformer
    handle = shared.h[1].register_forward_pre_hook(fails)
    try:
        with pytest.raises(MemoryError):
            host.answer([Ask(name, SHORT[:1]) for name in names])
    finally:
        handle.remove()
    for name, was in zip(names, before, strict=True):
        np.testing.assert_array_equal(host.answer([Ask(name, SHORT)])[0], was)


def fails(*_: object) -> None:
    raise MemoryError


@pytest.mark.full
def test_arms_are_chosen_in_the_order_asked(studies):
    held = open_host([studies / "moods", studies / "topics"], ["pretrained", "lora"])
    assert list(held.models) == ["moods/pretrained", "moods/lora", "topics/pretrained", "topics/lora"]


@pytest.mark.full
def test_adapters_on_other_bases_keep_apart(studies, tmp_path):
    save_method(tmp_path / "elsewhere", save_lively_model(tmp_path / "base", "gpt2", seed=5), "lora")
    held = open_host([studies / "moods", tmp_path / "elsewhere"], ["lora"])
    assert held._trunks["moods/lora"] is not held._trunks["elsewhere/lora"]
    got = held.answer([Ask("moods/lora", SHORT), Ask("elsewhere/lora", SHORT)])
    np.testing.assert_allclose(got[0], alone(studies, "moods/lora", SHORT), atol=1e-5)
    np.testing.assert_allclose(got[1], lightune.load(tmp_path / "elsewhere").logits(SHORT), atol=1e-5)


@pytest.mark.full
def test_encoders_share_their_base_and_answer_one_by_one(tmp_path):
    base = save_lively_model(tmp_path / "base", "bert")
    save_method(tmp_path / "study", base, "lora")
    save_pretrained(tmp_path / "study", base)
    held = open_host([tmp_path / "study"])
    assert not held._trunks
    assert held.weight_bytes < 1.5 * open_host([tmp_path / "study"], ["pretrained"]).weight_bytes
    for name, got in zip(held.models, held.answer([Ask(name, TEXTS) for name in held.models]), strict=True):
        np.testing.assert_allclose(got, lightune.load(tmp_path / "study", name).logits(TEXTS), atol=1e-5)


@pytest.mark.full
def test_an_adapter_that_did_not_come_over_whole_is_no_answer(studies, monkeypatch):
    real = many_adapters.peft.set_peft_model_state_dict

    def loses(model: Any, state: dict[str, Any], **kwargs: Any) -> Any:
        onto_shared = "adapter_name" in kwargs
        return real(model, dict(list(state.items())[1:]) if onto_shared else state, **kwargs)

    monkeypatch.setattr(many_adapters.peft, "set_peft_model_state_dict", loses)
    with pytest.raises(RuntimeError, match="not on the shared base"):
        open_host([studies / "moods"], ["lora"])


@pytest.mark.parametrize(
    ("folders", "arms", "error", "says"),
    [
        (["nowhere"], None, ModelError, "does not exist"),
        (["base/config.json"], None, ModelError, "it is a file"),
        (["empty"], None, ModelError, "neither a study"),
        (["moods"], ["full"], ConfigError, "--arm full: .*moods has lora, majority, pretrained"),
        (["moods", "others"], ["lora"], ConfigError, "--arm lora: .*others has dora, ia3"),
        (["moods"], ["lora", "full"], ConfigError, "--arm full"),
    ],
)
def test_what_cannot_be_held_is_said(studies, folders, arms, error, says):
    (studies / "empty").mkdir(exist_ok=True)
    with pytest.raises(error, match=says):
        open_host([studies / folder for folder in folders], arms)


@pytest.mark.full
def test_damage_is_found_when_it_is_opened(studies, tmp_path):
    save_study(tmp_path / "broken", studies / "base")
    weights = tmp_path / "broken" / "arms" / "lora" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-20])
    with pytest.raises(ModelError, match="cannot be read"):
        open_host([tmp_path / "broken"])
