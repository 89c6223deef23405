"""From folders to a Host: each arm loaded and checked as `lightune.load` does, then what they have in common shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from lightune.artifacts import Artifact, load_artifact
from lightune.compute import ModelScorer, Scorer
from lightune.hosting.choosing import Chosen, choose
from lightune.hosting.host import Host
from lightune.hosting.hosted import Hosted
from lightune.hosting.sharing import SharedWeights, weight_bytes
from lightune.hosting.trunk import Member, Trunk
from lightune.methods import NO_ADAPTER, ManyAdapters, backbone_parameters, joins, own_head
from lightune.models import can_pack

STOCK = "stock"


def open_host(folders: Sequence[Path], arms: Sequence[str] | None = None) -> Host:
    """Load the arms of studies, and artefacts that stand alone.

    arms: of each study just these, in this order; all that were saved without it, the default one first. Raises
    InputError where a folder is neither, has none of the arms, or an artefact cannot be used.
    """
    chosen = choose(folders, arms)
    shared, loaded = SharedWeights(), {}
    for name, one in chosen.items():
        artifact = load_artifact(one.folder)
        if isinstance(artifact.scorer, ModelScorer):
            artifact.scorer.merging = False  # a merged adapter would have changed the weights of all
        for model in models_of(artifact.scorer):
            shared.share(model)
        loaded[name] = artifact
    models = {name: _hosted(name, one, loaded[name]) for name, one in chosen.items()}
    trunks, alone = _trunks({name: artifact.scorer for name, artifact in loaded.items()})
    taken = weight_bytes(
        [*(model for one in alone.values() for model in models_of(one)), *(one.model for one in trunks)]
    )
    return Host(models, _defaults(models), alone, trunks, taken)


def models_of(scorer: Scorer) -> list[nn.Module]:
    """The torch models behind a scorer."""
    owner: Any = getattr(scorer, "language", scorer)
    model = getattr(owner, "model", None)
    return [model] if isinstance(model, nn.Module) else []


def _hosted(name: str, chosen: Chosen, artifact: Artifact) -> Hosted:
    manifest, scorer = artifact.manifest, artifact.scorer
    encoder = getattr(scorer, "encoder", scorer)
    return Hosted(
        name=name,
        study=chosen.study,
        arm=chosen.arm,
        kind=STOCK if manifest is None else manifest.kind,
        base=None if manifest is None or manifest.base is None else manifest.base.name,
        labels=artifact.label_names,
        verified=artifact.verified,
        temperature=None if manifest is None else manifest.temperature,
        max_length=getattr(encoder, "max_length", None),
        report=chosen.report,
    )


def _defaults(models: Mapping[str, Hosted]) -> tuple[str, ...]:
    first = next(iter(models.values()))
    before = [one.name for one in models.values() if one.study == first.study and one.arm == "pretrained"]
    return tuple(dict.fromkeys((first.name, *before)))


def _trunks(scorers: Mapping[str, Scorer]) -> tuple[list[Trunk], dict[str, Scorer]]:
    """Put adapters of one base, and the base itself, on trunks; the others stay as they are."""
    groups: dict[Any, dict[str, ModelScorer]] = {}
    for name, scorer in scorers.items():
        if isinstance(scorer, ModelScorer) and can_pack(scorer.model) and _can_join(scorer.model):
            groups.setdefault(_base_of(scorer.model), {})[name] = scorer
    trunks = [_trunk(group) for group in groups.values() if any(joins(one.model) for one in group.values())]
    taken = {name for trunk in trunks for name in trunk.members}
    return trunks, {name: scorer for name, scorer in scorers.items() if name not in taken}


def _can_join(model: nn.Module) -> bool:
    return joins(model) or (not hasattr(model, "peft_config") and isinstance(own_head(model), nn.Linear))


def _base_of(model: Any) -> tuple[Any, ...]:
    """What two models on the same base have in common: the backbone's class and the memory of its weights."""
    base = model.get_base_model() if hasattr(model, "peft_config") else model
    return type(base), *(parameter.data_ptr() for parameter in backbone_parameters(model))


def _trunk(group: Mapping[str, ModelScorer]) -> Trunk:
    keys = {name: f"a{at}" if joins(one.model) else NO_ADAPTER for at, (name, one) in enumerate(group.items())}
    heads = {name: own_head(one.model) for name, one in group.items()}
    adapters = ManyAdapters({keys[name]: one.model for name, one in group.items() if keys[name] != NO_ADAPTER})
    members = {}
    for name, scorer in group.items():
        head = heads[name]
        assert isinstance(head, nn.Linear)
        members[name] = Member(keys[name], scorer.encoder, head.cpu())
    return Trunk(adapters, members)
