"""The model card of an export: metadata that the hub reads, and all that is known of the model in words."""

from __future__ import annotations

import math
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lightune.evaluation import looks_english
from lightune.exports.card_tables import certificate_text, checks_table, cost_text, figures_text, quantised_text
from lightune.exports.card_use import use_text
from lightune.exports.naming import base_name, hub_id
from lightune.exports.origin import Origin
from lightune.exports.records import ADAPTER, MERGED, ExportRecord
from lightune.markdown import code, markdown

LIBRARIES = {ADAPTER: "peft", MERGED: "transformers", "onnx": "onnx"}
NOT_KNOWN = "Not known: the study that made it is not beside it."
# Metrics that the hub's leaderboards know, by their names here.
INDEXED = {"accuracy": "Accuracy", "f1": "F1", "macro_f1": "Macro F1"}


def render_card(origin: Origin, record: ExportRecord, with_base: bool) -> str:
    """Return README.md: metadata between rules, then text. What the study does not tell is called not known."""
    manifest = origin.manifest
    base = _base(origin)
    environment = Environment(
        loader=PackageLoader("lightune.exports"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701, RUF100  # nosec B701  # Markdown, every string is escaped for it
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md.j2").render(
        metadata=metadata(origin, record),
        title=markdown(f"{manifest.arm} on {base}"),
        what=_what(origin, record, with_base),
        labels=", ".join(code(name) for name in manifest.label_names),
        base=code(base) + ("" if manifest.base is None else _digest(manifest.base.digest)),
        manifest=manifest,
        arm_name=code(manifest.arm),
        record=record,
        data=_data(origin),
        figures=NOT_KNOWN if origin.arm is None or origin.result is None else figures_text(origin.arm, origin.result),
        cost=NOT_KNOWN if origin.arm is None else cost_text(origin.arm),
        checks=checks_table(record.checks),
        quantised=quantised_text(record),
        certificate=certificate_text(origin.certificate),
        language=_language(origin),
        temperature=_temperature(manifest.temperature),
        empty=not (origin.encoder.prefix or origin.encoder.suffix),
        use=use_text(origin, record, with_base),
    )


def metadata(origin: Origin, record: ExportRecord) -> str:
    """The hub's YAML: library, task, tags, base where the hub can know it, labels, and the figures as `model-index`."""
    from huggingface_hub import ModelCardData

    manifest = origin.manifest
    named = hub_id(manifest.base.name) if manifest.base is not None else None
    source = _source(origin)
    known: dict[str, Any] = {} if named is None else {"base_model": named}
    if source is not None and hub_id(source) is not None:
        known["datasets"] = [source]
    results = _results(origin, source)
    if results:
        known |= {"eval_results": results, "model_name": f"{manifest.arm} on {_base(origin)}"}
    data = ModelCardData(
        library_name=LIBRARIES[record.kind],
        pipeline_tag="text-classification",
        tags=["lightune", "text-classification", manifest.arm, record.kind],
        labels=list(manifest.label_names),
        ignore_metadata_errors=False,
        **known,
    )
    return data.to_yaml().rstrip("\n")


def _results(origin: Origin, source: str | None) -> list[Any]:
    from huggingface_hub import EvalResult

    if origin.arm is None or source is None:
        return []
    dataset = {"dataset_type": hub_id(source) or "text", "dataset_name": base_name(source), "dataset_split": "test"}
    return [
        EvalResult(
            task_type="text-classification",
            metric_type=name,
            metric_name=title,
            metric_value=round(metric.value, 6),
            **dataset,  # type: ignore[arg-type]
        )
        for name, title in INDEXED.items()
        if (metric := origin.arm.metrics.get(name)) is not None and not math.isnan(metric.value)
    ]


def _source(origin: Origin) -> str | None:
    return None if origin.result is None else origin.result.data.source


def _base(origin: Origin) -> str:
    return base_name(origin.manifest.base.name) if origin.manifest.base is not None else "no base"


def _digest(digest: str | None) -> str:
    return "" if digest is None else f", weights SHA-256 `{digest[:16]}…`"


def _what(origin: Origin, record: ExportRecord, with_base: bool) -> str:
    arm, base = code(origin.manifest.arm), code(_base(origin))
    if record.kind == ADAPTER:
        pair = ", with that base in the folder `base`" if with_base else ""
        return f"An adapter ({arm}) with its classification head for {base}{pair}."
    if record.kind == MERGED:
        return f"A text classifier: {base} with what the arm {arm} learned in its weights."
    return f"A text classifier as an ONNX graph: {base} with what the arm {arm} learned in its weights."


def _data(origin: Origin) -> str:
    manifest = origin.manifest
    trained = f"Trained on {manifest.train_size:,} texts. Data fingerprint `{manifest.data_fingerprint[:16]}`."
    if origin.result is None:
        return f"{trained} Source, splits and labels' shares: not known, since the study is not beside it."
    data = origin.result.data
    lines = [f"Source: {code(base_name(data.source))}. {trained}", "", "| split | rows | labels |", "|---|---|---|"]
    for name, split in data.splits.items():
        labels = ", ".join(f"{code(label, table=True)} {rows:,}" for label, rows in split.labels.items())
        lines.append(f"| {code(name, table=True)} | {split.rows:,} | {labels} |")
    if data.train_test_overlap:
        lines += ["", f"Of the test rows {data.train_test_overlap:,} have a text that stands in train or validation."]
    return "\n".join(lines)


def _language(origin: Origin) -> str:
    if origin.test is None:
        return "The language of the texts is not known here; it was measured on no other."
    english = "English" if looks_english(origin.test.texts) else "not English, or not only"
    return f"By their commonest words the test texts are {english}; it was measured on no other language."


def _temperature(temperature: float | None) -> str:
    if temperature is None:
        return "How far they can be taken at their word was not fitted."
    return f"Logits divided by {temperature:.4g} before it are calibrated on the validation rows; no label changes."
