"""Every method on a tiny GPT-2: what it trains, what it leaves, how it merges, and what it makes of options."""

import os
from pathlib import Path

import pytest
import torch

from lightune.catalogue import MERGE, METHODS
from lightune.catalogue.other_updates import fourier
from lightune.errors import ConfigError, ModelError
from lightune.methods import attach, merge, option_names, peft_config, trainable_parameters, why_not_merged
from lightune.training import observe, tensor_digests
from tests.fixtures.bases import answers, largest_difference, load
from tests.fixtures.tiers import few
from tests.methods.taught import BATCH, SHOWN_METHODS, USABLE, attached, teach

# Some of those that begin with something drawn; an adapter of zeros, like IA3's, is the same with every seed.
DRAWS = ("lora", "dora", "vera", "pvera", "randlora", "fourierft", "tinylora", "unilora", "adalora", "shadow")
# torch's own, the first time that a sparse matrix is made.
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")


@pytest.mark.full
@pytest.mark.parametrize("name", few(USABLE, *SHOWN_METHODS))
def test_it_trains_and_leaves_the_base_as_it_was(bases: dict[str, Path], name: str) -> None:
    before = {own: value.clone() for own, value in load(bases["gpt2"]).model.state_dict().items()}
    base, model = attached(bases["gpt2"], name)
    digests = tensor_digests(model)
    teach(model, name)
    seen = observe(model, base.head.modules, digests)
    assert seen.adapter_changed > 0
    assert (seen.head, seen.head_changed) == (1, 1)
    assert (seen.frozen > 0, seen.frozen_changed) == (True, 0)
    trained, total = trainable_parameters(model)
    assert 64 < trained < total
    # Where layers stay what they are, each weight is also what the checkpoint has.
    if METHODS[name].conv1d and METHODS[name].peft is not None:
        plain = model.state_dict().items()
        state = {own.removeprefix("base_model.").removeprefix("model."): value for own, value in plain}
        same = [own for own, value in before.items() if own in state and torch.equal(state[own], value)]
        assert "transformer.wpe.weight" in same


@pytest.mark.full
@pytest.mark.parametrize("name", few(USABLE, *SHOWN_METHODS))
def test_merged_it_answers_the_same_or_it_says_why_not(bases: dict[str, Path], name: str) -> None:
    stock = load(bases["gpt2"]).model.state_dict()
    _, model = attached(bases["gpt2"], name)
    teach(model, name)
    expected = answers(model, **BATCH)
    reason = METHODS[name].cannot.get(MERGE)
    assert why_not_merged(model) == reason
    if reason is not None:
        with pytest.raises(ModelError, match=reason):
            merge(model)
        return
    merged = merge(model)
    assert largest_difference(answers(merged, **BATCH), expected) < 1e-5
    assert {own: value.shape for own, value in merged.state_dict().items()} == {
        own: value.shape for own, value in stock.items()
    }


@pytest.mark.full
@pytest.mark.parametrize("name", few(USABLE, *SHOWN_METHODS))
def test_the_seed_decides_what_is_drawn_and_nothing_else_does(bases: dict[str, Path], name: str) -> None:
    found = []
    for seed, noise in ((1, 11), (1, 12), (2, 11)):
        base = load(bases["gpt2"])
        torch.manual_seed(noise)
        before = torch.random.get_rng_state()
        model = attach(base.model, base.head.modules, METHODS[name], steps=3, seed=seed)
        assert torch.equal(torch.random.get_rng_state(), before)
        found.append({own: value.clone() for own, value in model.state_dict().items()})
    assert all(torch.equal(found[0][own], found[1][own]) for own in found[0])
    if name in DRAWS:
        assert any(not torch.equal(found[0][own], found[2][own]) for own in found[0])


def test_boft_leaves_the_compilers_of_later_builds_alone(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**how: object) -> None:
        assert os.environ["CXX"] == "gcc"  # what peft sets and leaves
        raise RuntimeError("no CUDA")

    monkeypatch.setattr("peft.tuners.boft.layer._FBD_CUDA", None)
    monkeypatch.setattr("torch.utils.cpp_extension.load", fails)
    monkeypatch.setenv("CC", "cc")
    monkeypatch.delenv("CXX", raising=False)
    attached(bases["gpt2"], "boft")
    assert (os.environ["CC"], os.environ.get("CXX")) == ("cc", None)


@pytest.mark.parametrize("name", few(USABLE, *SHOWN_METHODS))
def test_the_catalogues_options_reach_peft(bases: dict[str, Path], name: str) -> None:
    method = METHODS[name]
    if method.peft is None:
        assert option_names(method) == ()
        return
    base = load(bases["gpt2"])
    config = peft_config(base.model, base.head.modules, method, steps=200)
    for option, value in method.options.items():
        assert getattr(config, option) == value, option
    assert config.peft_type.value == method.peft
    assert not {"target_modules", "modules_to_save", "task_type"} & set(option_names(method))


@pytest.mark.parametrize("name", few(USABLE, *SHOWN_METHODS))
def test_an_unknown_option_is_refused_in_one_sentence(bases: dict[str, Path], name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        attached(bases["gpt2"], name, no_such_option=1)
    said = str(caught.value)
    assert said.startswith(f"--set {name}.no_such_option: ")
    assert said.endswith(".")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lora", {"r": 0}),
        ("lora", {"r": "many"}),
        ("prompt-tuning", {"num_virtual_tokens": -1}),
        ("boft", {"boft_block_size": 7}),
        ("lokr", {"r": -2}),
    ],
)
def test_an_option_of_no_sense_is_refused_by_lightune_not_by_a_traceback(
    bases: dict[str, Path], name: str, options: dict[str, object]
) -> None:
    with pytest.raises((ConfigError, ModelError)) as caught:
        attached(bases["gpt2"], name, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("vera", "projection_prng_key"),
        ("shira", "random_seed"),
        ("waveft", "random_loc_seed"),
        ("unilora", "proj_seed"),
    ],
)
def test_the_seed_is_also_that_of_a_methods_own_generator(bases: dict[str, Path], name: str, option: str) -> None:
    base = load(bases["gpt2"])
    config = peft_config(base.model, base.head.modules, METHODS[name], seed=5)
    assert getattr(config, option) == 5
    given = peft_config(base.model, base.head.modules, METHODS[name], {option: 7}, seed=5)
    assert getattr(given, option) == 7


@pytest.mark.full
@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_fouriers_random_beginning_is_small_beside_the_weights(bases: dict[str, Path], kind: str) -> None:
    _, model = attached(bases[kind], "fourierft")
    layers = [module for module in model.modules() if hasattr(module, "fourierft_spectrum")]
    assert layers
    for layer in layers:
        change = layer.get_delta_weight("default").detach()
        assert 0 < change.std() < 0.1 * layer.get_base_layer().weight.std()
    assert fourier(768) == {"n_frequency": 1000, "scaling": 150.0}
    assert fourier(1024)["scaling"] == 150.0


def test_options_override_the_catalogues(bases: dict[str, Path]) -> None:
    _, model = attached(bases["gpt2"], "prompt-tuning", num_virtual_tokens=5)
    assert model.active_peft_config.num_virtual_tokens == 5


@pytest.mark.parametrize(
    ("kind", "name", "lacks"),
    [
        ("distilbert", "prefix-tuning", "past keys and values"),
        ("t5", "cartridge", "past keys and values"),
        ("bart", "prompt-tuning", "takes embeddings in place of tokens"),
        ("bart", "trainable-tokens", "looked up in one place"),
        ("deberta-v2", "poly", "given the texts alone"),
        ("qwen2", "adaption-prompt", "attention of GPT-2, Llama or Mistral"),
        ("bert", "shadow", "a decoder's blocks in one list"),
        ("llama", "bitfit", "with biases"),
    ],
)
def test_what_an_architecture_lacks_is_said_in_words(bases: dict[str, Path], kind: str, name: str, lacks: str) -> None:
    with pytest.raises(ModelError, match=f"cannot be put on this model: it needs .*{lacks}.*, which this arch") as told:
        attached(bases[kind], name)
    assert str(told.value).endswith("does not have.")
