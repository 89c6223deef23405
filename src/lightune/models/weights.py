"""The one call of `from_pretrained`: the same care for classifiers and language models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel

from lightune.errors import ModelError
from lightune.models.sources import ModelSource, quiet_transformers
from lightune.models.untrusted import MOST_DRAWN, declared_weights

# Numbers that a model may have beyond twice those of its files: heads, and buffers that are computed.
SMALL = 2**24


@dataclass(frozen=True)
class Weights:
    """A model in float32, and the sorted names of parameters that the checkpoint lacks or has in another shape."""

    model: PreTrainedModel
    missing: tuple[str, ...]
    mismatched: tuple[str, ...]


def read_weights(auto: Any, source: ModelSource, **options: Any) -> Weights:
    """Load `source` by one of transformers' Auto classes; a folder without weights has them drawn.

    options: for the configuration, such as num_labels. Safetensors only, no remote code; the files declare about as
    many numbers as the configuration asks for, and all numbers are finite. Raises ModelError.
    """
    _check_amount(auto, source, options)
    with quiet_transformers():
        if source.untrained:
            return Weights(auto.from_config(_configured(source, options), dtype=torch.float32), (), ())
        try:
            model, info = auto.from_pretrained(
                source.location,
                dtype=torch.float32,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **options,
            )
        except (OSError, ValueError, TypeError, LookupError, RuntimeError, SafetensorError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(f"--model {source.name}: its weights could not be loaded ({reason}).") from error
    _check_finite(model, source)
    mismatched = {item[0] if isinstance(item, tuple) else item for item in info["mismatched_keys"]}
    return Weights(model, tuple(sorted(info["missing_keys"])), tuple(sorted(mismatched)))


def _configured(source: ModelSource, options: dict[str, Any]) -> Any:
    return type(source.config).from_dict({**source.config.to_dict(), **options})


def _check_amount(auto: Any, source: ModelSource, options: dict[str, Any]) -> None:
    """Refuse a configuration of a model far larger than its weights: what they lack would be made, whatever its size.

    The model is made without memory for its numbers, to see how many it would have. A head that is missing, and one
    embedding used twice, leave it below twice what the files declare.
    """
    if source.untrained:
        bound, whose = MOST_DRAWN, "of an untrained model at most"
    else:
        tensors = declared_weights(source.location)
        if not tensors:
            seen = "its files hold none" if source.is_local else "the hub gives none, or is out of reach"
            raise ModelError(
                f"--model {source.name}: weights as safetensors are expected (model.safetensors), but {seen}. "
                "Others, such as pytorch_model.bin, are not read: a pickle can run code when loaded. Where you trust "
                "them, load the model with transformers, save it by save_pretrained, and name that folder."
            )
        declared = sum(one.numbers for one in tensors.values())
        bound, whose = 2 * declared + SMALL, "its files hold"
    try:
        with quiet_transformers(), torch.device("meta"):
            model = auto.from_config(_configured(source, options), dtype=torch.float32)
    except (ValueError, TypeError, LookupError, RuntimeError, AttributeError, OverflowError, ArithmeticError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"--model {source.name}: its config.json describes no model ({reason}).") from error
    asked = sum(one.numel() for one in (*model.parameters(), *model.buffers()))
    if asked > bound:
        raise ModelError(
            f"--model {source.name}: its config.json asks for {asked:,} numbers, and {whose} "
            f"{MOST_DRAWN if source.untrained else declared:,}. They do not belong together."
        )


def _check_finite(model: PreTrainedModel, source: ModelSource) -> None:
    """Raise ModelError where a parameter holds a number that is none; a sum shows it without a copy."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not bool(torch.isfinite(parameter.sum())) and not bool(torch.isfinite(parameter).all()):
                raise ModelError(
                    f"--model {source.name}: finite numbers are expected, but {name} in its weights has others. Save "
                    "or fetch the model again."
                )
