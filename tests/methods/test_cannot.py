"""What the catalogue says a method cannot do is what peft cannot do."""

from pathlib import Path

import peft
import pytest
from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING
from safetensors import safe_open

from lightune.catalogue import METHODS, MIX, SAVE
from lightune.methods import ADAPTER_FILE, save_adapter
from tests.fixtures.tiers import few
from tests.methods.taught import USABLE, attached, teach

# torch's own, the first time that a sparse matrix is made.
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")

# Its tuner has the method only to say that it has none.
REFUSES = {"ADALORA"}


def mixes(kind: str) -> bool:
    tuner = PEFT_TYPE_TO_TUNER_MAPPING[peft.PeftType(kind)]
    return hasattr(tuner, "add_weighted_adapter") and kind not in REFUSES


@pytest.mark.parametrize("name", USABLE)
def test_mixing_is_refused_where_peft_has_no_weighted_sum(name: str) -> None:
    method = METHODS[name]
    assert (MIX in method.cannot) == (method.peft is None or not mixes(method.peft))


def test_adalora_has_a_weighted_sum_that_only_refuses(bases: dict[str, Path]) -> None:
    _, model = attached(bases["gpt2"], "adalora")
    with pytest.raises(TypeError, match="does not support"):
        model.add_weighted_adapter(["default"], [1.0], "sum")


@pytest.mark.full
@pytest.mark.parametrize(
    "name", few([name for name in USABLE if METHODS[name].peft is not None], "lora", "ia3", "prefix-tuning")
)
def test_the_head_is_saved_where_the_catalogue_says_so(bases: dict[str, Path], tmp_path: Path, name: str) -> None:
    _, model = attached(bases["gpt2"], name)
    teach(model, name, 1)
    save_adapter(model, tmp_path, str(bases["gpt2"]))
    with safe_open(tmp_path / ADAPTER_FILE, "pt") as tensors:
        saved = any(key.endswith("score.weight") for key in tensors.keys())  # noqa: SIM118
    assert saved == METHODS[name].saves_head == (SAVE not in METHODS[name].cannot)


def test_every_method_of_peft_is_in_the_catalogue_once() -> None:
    own = [method.peft for method in METHODS.values() if method.peft is not None and method.variant_of is None]
    assert sorted(own) == sorted(kind.value for kind in peft.PeftType)
