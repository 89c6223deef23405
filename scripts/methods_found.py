"""What becomes of each method on tiny models of ten families: tried, trained as an arm, saved, certified."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tests.fixtures.models import language_model, tiny_config, tokenizer_for
from tests.fixtures.reviews import as_rows, make_reviews
from transformers import AutoModelForSequenceClassification, GPT2Config

from lightune.arms.base import ArmContext
from lightune.arms.registry import make_arm
from lightune.catalogue import METHODS, Method
from lightune.certification import CERTIFICATE, try_method
from lightune.config import DataConfig, ModelConfig, StudyConfig, TrainingConfig
from lightune.errors import RunError
from lightune.methods import attach, trainable_parameters
from lightune.models import head_modules, pool_by_mask, quiet_transformers
from lightune.progress import silent
from lightune.records import FAIL, PASS, Certificate, from_json
from lightune.study.keeping import save_and_certify

FAMILIES = {
    "gpt2": "GPT-2",
    "llama": "Llama",
    "qwen2": "Qwen2",
    "bert": "BERT",
    "distilbert": "DistilBERT",
    "roberta": "RoBERTa",
    "deberta-v2": "DeBERTa-v2",
    "modernbert": "ModernBERT",
    "bart": "BART",
    "t5": "T5",
}
LABELS = ("bad", "good")
STEPS, SPREAD = 3, 0.1
# Beside a method's own training, which the count of no other method depends on.
PLANNED_STEPS = 100


@dataclass(frozen=True)
class Found:
    """One method on one family. route: as its arm gave it. passed, inapplicable: lines of its certificate; failed: the
    names of those that failed."""

    works: bool
    reason: str | None = None
    route: str | None = None
    passed: int = 0
    inapplicable: int = 0
    failed: tuple[str, ...] = ()


@dataclass
class Findings:
    """All of it. versions: of the packages. families: by family, then by method. parameters: trained on GPT-2 small,
    head included, by method."""

    versions: dict[str, str] = field(default_factory=dict)
    families: dict[str, dict[str, Found]] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """The packages that decide what works."""
    return {name: version(name) for name in ("peft", "transformers")}


def look(kind: str, method: Method) -> Found:
    """Try a method on the architecture; where it works, train it as an arm does and certify what that saved."""
    if method.name == "qlora":  # or the page would depend on the machine that it is made on
        return Found(False, f"it needs {method.needs}, and is not tried where this page is made")
    with quiet_transformers():
        tried = try_method(tiny_config(kind), method)
    if not tried.works:
        return Found(False, tried.reason)
    with tempfile.TemporaryDirectory(prefix="lightune-") as folder, quiet_transformers():
        return _certified(kind, method, Path(folder))


def parameters(method: Method) -> int:
    """How many parameters the method trains on GPT-2 small (12 blocks, 768 wide) with two labels, the head's among
    them: counted on models of one and of two blocks, each further block being like the second."""
    one, two = (_trained_on(method, blocks) for blocks in (1, 2))
    return one + 11 * (two - one)


def read(path: Path) -> Findings:
    """Read what `write` wrote."""
    values = json.loads(path.read_text(encoding="utf-8"))
    families = {
        kind: {name: from_json(Found, found) for name, found in own.items()} for kind, own in values["families"].items()
    }
    return Findings(values["versions"], families, values["parameters"])


def write(findings: Findings, path: Path) -> None:
    """Write the findings as JSON, one method a line, so that a change can be read."""
    families = {
        kind: {name: json.dumps(_plain(found), ensure_ascii=False) for name, found in own.items()}
        for kind, own in findings.families.items()
    }
    lines = ["{", f' "versions": {json.dumps(findings.versions)},', ' "families": {']
    for at, (kind, own) in enumerate(families.items()):
        lines += [f'  "{kind}": {{', ",\n".join(f'   "{name}": {text}' for name, text in own.items())]
        lines += ["  }" if at + 1 == len(families) else "  },"]
    lines += [" },", f' "parameters": {json.dumps(findings.parameters)}', "}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(found: Found) -> dict[str, Any]:
    values = {"works": found.works, "reason": found.reason, "route": found.route, "passed": found.passed}
    values |= {"inapplicable": found.inapplicable, "failed": list(found.failed)}
    return {name: value for name, value in values.items() if value not in (None, 0, []) or name == "works"}


@cache
def _base(kind: str) -> Path:
    """A tiny base with weights that are large enough for every token to count, and small enough for rounding not to;
    it goes with the process."""
    _FOLDERS.append(tempfile.TemporaryDirectory(prefix="lightune-"))
    folder, config = Path(_FOLDERS[-1].name), tiny_config(kind)
    for spread in ("initializer_range", "init_std"):
        if hasattr(config, spread):
            setattr(config, spread, SPREAD)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        language_model(kind, config).save_pretrained(folder)
    tokenizer_for(kind).save_pretrained(folder)
    return folder


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def _certified(kind: str, method: Method, folder: Path) -> Found:
    training = TrainingConfig(max_steps=STEPS, evaluations=1)
    config = StudyConfig(ModelConfig(str(_base(kind))), DataConfig("none"), (method.name,), training)
    context = ArmContext(method.name, config, LABELS, None, "", 0, 40, folder, folder / "cache", silent)
    fitted = make_arm(context).fit(as_rows(make_reviews(40)), as_rows(make_reviews(24, 1)))
    try:
        route = save_and_certify(folder / "saved", folder, fitted, as_rows(make_reviews(8, 2)), None, silent).route
    except RunError:
        if not (folder / CERTIFICATE).exists():
            raise
        route = None  # the certificate has it, and what failed
    certificate = from_json(Certificate, json.loads((folder / CERTIFICATE).read_text(encoding="utf-8")))
    outcomes = [check.outcome for check in certificate.checks]
    failed = tuple(check.name for check in certificate.checks if check.outcome == FAIL)
    passed = outcomes.count(PASS)
    return Found(True, None, route or certificate.stock_route, passed, len(outcomes) - passed - len(failed), failed)


def _trained_on(method: Method, blocks: int) -> int:
    with quiet_transformers(), torch.random.fork_rng():
        torch.manual_seed(0)
        # Of the vocabulary nothing is trained but the first thousand tokens.
        config = GPT2Config(vocab_size=2048, n_layer=blocks, num_labels=2, pad_token_id=0)
        model = AutoModelForSequenceClassification.from_config(config)
    pool_by_mask(model)
    return trainable_parameters(attach(model, head_modules(model), method, steps=PLANNED_STEPS))[0]


def look_at_all(findings: Findings, kinds: tuple[str, ...]) -> None:
    """Look at each method on each of these families, count, and put it into `findings`."""
    findings.versions = versions()
    for kind in kinds:
        findings.families[kind] = {name: look(kind, method) for name, method in METHODS.items()}
        print(f"{FAMILIES[kind]}: {sum(found.works for found in findings.families[kind].values())} work", flush=True)
    works = findings.families["gpt2"]
    findings.parameters = {name: parameters(METHODS[name]) for name in METHODS if works[name].works}
