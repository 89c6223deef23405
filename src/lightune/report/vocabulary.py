"""The words for arms and metrics. An arm that is not listed goes by its name; a metric likewise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lightune.records import DataFacts, Metric
from lightune.report import format as show
from lightune.report.document import Cell, Column
from lightune.report.escape import short

ARMS: dict[str, tuple[str, str]] = {
    "majority": ("the majority vote", "always the commonest label"),
    "tfidf": ("TF-IDF with logistic regression", "TF-IDF with logistic regression"),
    "pretrained": ("the pre-trained model as it is", "the pre-trained model as it is"),
    "zero-shot": ("the model's zero-shot answer", "the language model's own answer"),
    "probe": ("a linear probe", "logistic regression on frozen features"),
    "lora": ("LoRA", "low-rank adapters"),
    "full": ("full fine-tuning", "every weight trained"),
}


def arm_in_sentence(name: str) -> str:
    """What to call an arm in running text: "the pre-trained model as it is"."""
    return ARMS.get(name, (short(name), ""))[0]


def arm_cell(name: str) -> Cell:
    """The cell that names an arm, with a few plain words where there are any."""
    return Cell(short(name), aside=ARMS.get(name, ("", ""))[1])


@dataclass(frozen=True)
class MetricWords:
    """How a metric is written. title: of its column; why: what it is; undefined: when it has no value."""

    name: str
    title: str
    why: str
    undefined: str
    write: Callable[[float | None], str] = show.decimal
    write_end: Callable[[float | None], str] = show.decimal

    def cell(self, metric: Metric | None) -> Cell:
        """The value, its interval beside it; a dash that says why where there is none."""
        if metric is None:
            return Cell(show.DASH, why="not measured")
        if not show.defined(metric.value):
            return Cell(show.DASH, why=f"not defined: {self.undefined}")
        return Cell(self.write(metric.value), aside=interval(metric, self.write_end))

    def plain(self, value: float | None) -> Cell:
        """A value that has no interval."""
        if value is None:
            return Cell(show.DASH, why="not measured")
        why = "" if show.defined(value) else f"not defined: {self.undefined}"
        return Cell(self.write(value), why=why)

    @property
    def column(self) -> Column:
        """The column of this metric."""
        return Column(self.title, why=self.why)


_ONE_LABEL = "the rows or the answers hold one label only"


def _share(name: str, title: str, why: str, undefined: str = _ONE_LABEL) -> MetricWords:
    return MetricWords(name, title, why, undefined, show.percent, show.bare_percent)


def metric_words(facts: DataFacts) -> tuple[MetricWords, ...]:
    """The metrics in the order of the tables. Without a positive label F1 is the macro mean, and stands there once."""
    positive = facts.positive_label
    of = f'of the label "{short(positive)}"' if positive is not None else "macro mean over the labels"
    words = [
        _share("accuracy", "Accuracy", "share of rows labelled right", "no labelled rows"),
        _share("f1", "F1", f"harmonic mean of precision and recall, {of}"),
        _share("macro_f1", "Macro F1", "mean F1 over all labels, each counts the same"),
        _share("precision", "Precision", f"how many of the rows given the label have it, {of}"),
        _share("recall", "Recall", f"how many of the rows that have the label are found, {of}"),
        MetricWords("loss", "Loss", "mean negative log-likelihood, lower is better", "not finite"),
        MetricWords("mcc", "MCC", "Matthews correlation: 0 is chance, 1 perfect", _ONE_LABEL),
        MetricWords("auroc", "AUROC", "area under the ROC curve: 0.5 is chance", _ONE_LABEL),
        MetricWords("pr_auc", "PR-AUC", "area under the precision-recall curve", _ONE_LABEL),
    ]
    return tuple(each for each in words if positive is not None or each.name != "f1")


def metric_note(facts: DataFacts) -> str:
    """Which label precision, recall and F1 are about."""
    if facts.positive_label is None:
        return (
            f"With {show.count(len(facts.label_names))} labels, precision, recall and F1 are macro means: "
            "each label counts the same, however rare it is."
        )
    return f'F1, precision and recall are those of the positive label, "{short(facts.positive_label)}".'


def interval(metric: Metric, write: Callable[[float | None], str]) -> str:
    """The two ends of an interval: "78.8 to 83.6"; nothing where it is not defined."""
    if not (show.defined(metric.low) and show.defined(metric.high)):
        return ""
    return f"{write(metric.low)} to {write(metric.high)}"
