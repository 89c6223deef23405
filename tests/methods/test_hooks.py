"""What single methods ask of a training: AdaLoRA's ranks and its term in the loss, LoRA+'s rates, EVA's beginning."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lightune.catalogue import METHODS
from lightune.methods import after_step, attach, initialise_from_texts, rate_factors, why_not_here
from lightune.training import Demands
from tests.fixtures.bases import load
from tests.fixtures.tiers import few
from tests.methods.taught import BATCH, LABELS, SHOWN_METHODS, USABLE, attached, teach

STEPS = 20
# torch's own, the first time that a sparse matrix is made.
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")


@pytest.mark.full
def test_adalora_gives_up_ranks_until_it_has_its_target(bases: dict[str, Path]) -> None:
    _, model = attached(bases["gpt2"], "adalora", steps=STEPS, init_r=4, target_r=2)
    scales = {name: value for name, value in model.named_parameters() if ".lora_E." in name}
    layers = len(scales)
    assert all(len(value) == 4 for value in scales.values())
    teach(model, "adalora", STEPS)
    alive = {name: int((value != 0).sum()) for name, value in scales.items()}
    assert sum(alive.values()) == 2 * layers
    assert len(set(alive.values())) > 1  # moved to where they count, not two everywhere


def test_adaloras_orthogonality_is_a_term_of_its_loss(bases: dict[str, Path]) -> None:
    _, model = attached(bases["gpt2"], "adalora", steps=STEPS)
    model.eval()
    output = model(**BATCH, labels=LABELS)
    plain = nn.functional.cross_entropy(output.logits, LABELS)
    assert METHODS["adalora"].own_loss
    assert (output.loss - plain).item() > 1e-3
    assert after_step(model) is not None


@pytest.mark.full
def test_no_other_method_has_something_to_do_after_a_step(bases: dict[str, Path]) -> None:
    for name in ("lora", "bitfit", "prompt-tuning"):
        assert after_step(attached(bases["gpt2"], name)[1]) is None


@pytest.mark.parametrize("name", few(USABLE, *SHOWN_METHODS))
def test_what_peft_adds_to_the_loss_is_declared(bases: dict[str, Path], name: str) -> None:
    _, model = attached(bases["gpt2"], name)
    model.eval()
    with torch.no_grad():
        output = model(**BATCH, labels=LABELS)
        added = (output.loss - nn.functional.cross_entropy(output.logits, LABELS)).abs().item()
    assert (added > 1e-5) == METHODS[name].own_loss


def test_lora_plus_learns_its_second_factor_16_times_as_fast(bases: dict[str, Path], tmp_path: Path) -> None:
    from transformers import TrainingArguments

    from lightune.training.trainer import StepTrainer

    _, model = attached(bases["gpt2"], "lora-plus")
    arguments = TrainingArguments(output_dir=str(tmp_path), learning_rate=1e-3, use_cpu=True, report_to="none")
    trainer = StepTrainer(
        pad_id=0, model=model, args=arguments, demands=Demands(False, rate_factors(METHODS["lora-plus"]))
    )
    rates = {id(value): group["lr"] for group in trainer.create_optimizer().param_groups for value in group["params"]}
    trained = {name: rates[id(value)] for name, value in model.named_parameters() if value.requires_grad}
    assert all(rate == pytest.approx(16e-3) for name, rate in trained.items() if ".lora_B." in name)
    assert all(rate == 1e-3 for name, rate in trained.items() if ".lora_B." not in name)
    assert len(rates) == len(trained)
    assert rate_factors(METHODS["lora"]) == {}


def test_eva_begins_with_the_directions_in_which_inputs_vary_most(bases: dict[str, Path]) -> None:
    base = load(bases["gpt2"])
    rank = 3
    model = attach(base.model, base.head.modules, METHODS["eva"], {"r": rank}, seed=0)
    layer = model.base_model.model.transformer.h[0].attn.c_attn
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    model.eval()
    mask = BATCH["attention_mask"].bool()
    with torch.no_grad():
        model(**BATCH)
    hook.remove()
    initialise_from_texts(model, [BATCH] * 4)
    states = seen[0][mask]
    first = layer.lora_A["default"].weight.detach()
    # Rows of the factor span the leading directions of the inputs, not of what is padding.
    centred = torch.linalg.svd(states - states.mean(0), full_matrices=False)[2][:rank]
    raw = torch.linalg.svd(states, full_matrices=False)[2][:rank]
    own = first / first.norm(dim=1, keepdim=True)
    overlap = max(float(torch.linalg.svdvals(own @ wanted.T).min()) for wanted in (centred, raw))
    assert overlap > 0.95
    assert {
        module.r["default"] for module in model.modules() if hasattr(module, "lora_A") and hasattr(module, "r")
    } == {rank}


def test_only_qlora_depends_on_the_machine() -> None:
    assert all(why_not_here(METHODS[name]) is None for name in USABLE)
    if not torch.cuda.is_available():
        assert "a CUDA device" in (why_not_here(METHODS["qlora"]) or "")
