"""The figures of a card: of the study, of the cost, of what was checked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightune.exports.records import ExportRecord
from lightune.markdown import code, markdown
from lightune.records import ArmResult, Certificate, Check, Metric, StudyResult

SHOWN = {"accuracy": "accuracy", "f1": "F1", "macro_f1": "macro F1"}


def figures_text(arm: ArmResult, result: StudyResult) -> str:
    """Each arm of the study with its 95 % intervals, this one first."""
    if not arm.metrics:
        return f"Not known: in its study the arm failed ({markdown(arm.reason or 'no reason')})."
    test = result.data.splits.get("test")
    rows = f"{test.rows:,} test rows" if test is not None else "the test rows"
    if result.cross_validation is not None:
        folds = result.cross_validation
        rows = f"every row once, in {folds.folds} folds, {folds.repeats} times"
    seeds = f" The mean over {len(arm.seeds)} seeds; this folder is one of them." if len(arm.seeds) > 1 else ""
    lines = [f"On {rows}, in percent, with 95 % intervals.{seeds}", ""]
    lines += [f"| arm | {' | '.join(SHOWN.values())} |", "|---" * (1 + len(SHOWN)) + "|"]
    for one in sorted(result.arms, key=lambda other: other.name != arm.name):
        here = " (this one)" if one.name == arm.name else ""
        cells = [_percent(one.metrics.get(name)) for name in SHOWN]
        lines.append(f"| {code(one.name, table=True)}{here} | {' | '.join(cells)} |")
    positive = result.data.positive_label
    if len(result.data.label_names) == 2 and positive is not None:
        lines += ["", f"F1 is that of the label {code(positive)}."]
    return "\n".join(lines)


def cost_text(arm: ArmResult) -> str:
    """Time, memory and parameters, each measured in the run's own process."""
    cost = arm.cost
    if cost is None:
        return "Not known: it was not measured."
    memory = f"{cost.peak_memory_bytes / 2**30:.2f} GiB of memory"
    if cost.peak_device_memory_bytes:
        memory += f" and {cost.peak_device_memory_bytes / 2**30:.2f} GiB of the device's"
    share = f"{cost.trainable_parameters:,} of {cost.total_parameters:,} parameters"
    return (
        f"Training took {cost.fit_seconds:,.1f} s and at most {memory}; {share} were trained. Answering the test rows "
        f"took {cost.predict_seconds:,.1f} s."
    )


def checks_table(checks: Sequence[Check]) -> str:
    """A line a check."""
    lines = ["| check | compared | difference | allowed | outcome |", "|---|---|---|---|---|"]
    for one in checks:
        found = (_number(one.difference), _number(one.tolerance))
        reason = f": {markdown(one.reason)}" if one.reason else ""
        cells = (markdown(one.name), markdown(one.compared), *found, f"{markdown(one.outcome)}{reason}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def certificate_text(certificate: Certificate | None) -> str:
    """What the study certified of the original."""
    if certificate is None:
        return "Certificate of the original: none was found beside it."
    outcome = "passed" if certificate.passed else "FAILED"
    head = (
        f"Certificate of the original: {outcome}, on {certificate.rows:,} texts ({certificate.cut_rows:,} of them cut) "
        f"in {markdown(certificate.precision)}."
    )
    return f"{head}\n\n{checks_table(certificate.checks)}"


def quantised_text(record: ExportRecord) -> str:
    """int8 beside float32; "" for a format that has none."""
    found = record.quantised
    if found is None:
        return record.not_measured or ""
    points = found.delta
    return "\n".join(
        [
            f"`model.int8.onnx` beside `model.onnx` on {found.rows:,} test rows of the study, in ONNX Runtime on the "
            "CPU of the machine that exported it (8-bit products may round otherwise on other processors):",
            "",
            "| | float32 | int8 |",
            "|---|---|---|",
            f"| accuracy, percent | {_percent(found.float32)} | {_percent(found.int8)} |",
            f"| size, MB | {found.float32_bytes / 1e6:.1f} | {found.int8_bytes / 1e6:.1f} |",
            "",
            f"int8 minus float32: {100 * points.value:+.2f} points of accuracy ({100 * points.low:+.2f} to "
            f"{100 * points.high:+.2f}). {found.changed_rows:,} of {found.rows:,} rows get another label, "
            f"{_percent(found.changed)} percent. Largest difference of a logit: {_number(found.difference)}.",
        ]
    )


def _percent(metric: Metric | None) -> str:
    if metric is None or math.isnan(metric.value):
        return "not defined"
    return f"{100 * metric.value:.1f} ({100 * metric.low:.1f}-{100 * metric.high:.1f})"


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.2g}"
