"""The words for arms and metrics. An arm that is not listed goes by its name; a metric likewise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightune.catalogue import METHODS
from lightune.records import DataFacts, Metric
from lightune.report import format as show
from lightune.report.document import Cell, Column
from lightune.report.escape import short


@dataclass(frozen=True)
class ArmWords:
    """What to call an arm: at length in a sentence, in short the second time, and what it is."""

    long: str
    brief: str
    what: str


ARMS = {
    "majority": ArmWords("the majority vote", "the majority vote", "always the commonest label"),
    "tfidf": ArmWords("TF-IDF with logistic regression", "TF-IDF", "TF-IDF with logistic regression"),
    "pretrained": ArmWords("the pre-trained model as it is", "the model as it is", "the pre-trained model as it is"),
    "zero-shot": ArmWords("the model's zero-shot answer", "zero-shot", "the language model's own answer"),
    "probe": ArmWords("a linear probe", "the probe", "logistic regression on frozen features"),
    "lora": ArmWords("LoRA", "LoRA", "low-rank adapters"),
    "dora": ArmWords("DoRA", "DoRA", "low-rank adapters, lengths apart"),
    "adalora": ArmWords("AdaLoRA", "AdaLoRA", "low-rank adapters, ranks shared out"),
    "vera": ArmWords("VeRA", "VeRA", "scales of shared random matrices"),
    "loha": ArmWords("LoHa", "LoHa", "Hadamard products of low rank"),
    "lokr": ArmWords("LoKr", "LoKr", "Kronecker products of low rank"),
    "fourierft": ArmWords("FourierFT", "FourierFT", "few Fourier coefficients"),
    "oft": ArmWords("OFT", "OFT", "rotations of the weights"),
    "boft": ArmWords("BOFT", "BOFT", "rotations in butterfly form"),
    "ia3": ArmWords("IA³", "IA³", "scales of inner activations"),
    "prefix-tuning": ArmWords("prefix tuning", "prefix tuning", "keys and values before the text"),
    "prompt-tuning": ArmWords("prompt tuning", "prompt tuning", "vectors before the text"),
    "p-tuning": ArmWords("p-tuning", "p-tuning", "vectors before the text, by a network"),
    "full": ArmWords("full fine-tuning", "full fine-tuning", "every weight trained"),
}


def arm_words(name: str) -> ArmWords:
    """The words for an arm; a method goes by its title, any other that is not listed by its name."""
    if name in METHODS and name not in ARMS:
        method = METHODS[name]
        return ArmWords(method.title, method.title, method.summary)
    return ARMS.get(name, ArmWords(short(name), short(name), ""))


def arm_cell(name: str) -> Cell:
    """The cell that names an arm, with a few plain words where there are any."""
    return Cell(short(name), aside=arm_words(name).what)


def arm_column(name: str) -> Column:
    """A column of that arm's numbers."""
    return Column(short(name, 30), why=arm_words(name).what)


@dataclass(frozen=True)
class MetricWords:
    """How a metric is written. title: of its column; why: what it is; undefined: when it has no value."""

    name: str
    title: str
    why: str
    undefined: str
    write: Callable[[float | None], str] = show.decimal
    write_end: Callable[[float | None], str] = show.decimal

    def cell(self, metric: Metric | None, labels_only: bool = False) -> Cell:
        """The value, its interval beside it; a dash that says why where there is none.

        labels_only: of an arm that gives no probabilities, which some metrics need.
        """
        if metric is None:
            return Cell(show.DASH, why="not measured")
        if labels_only and not show.defined(metric.value) and self.name in _NEED_PROBABILITIES:
            return Cell(LABELS_ONLY)
        if not show.defined(metric.value):
            return Cell(show.DASH, why=f"not defined: {self.undefined}")
        return Cell(self.write(metric.value), aside=interval(metric, self.write_end))

    def plain(self, value: float | None, labels_only: bool = False) -> Cell:
        """A value that has no interval."""
        if value is None:
            return Cell(show.DASH, why="not measured")
        if labels_only and not show.defined(value) and self.name in _NEED_PROBABILITIES:
            return Cell(LABELS_ONLY)
        why = "" if show.defined(value) else f"not defined: {self.undefined}"
        return Cell(self.write(value), why=why)

    @property
    def column(self) -> Column:
        """The column of this metric."""
        return Column(self.title, why=self.why)


LABELS_ONLY = "labels only"
_NEED_PROBABILITIES = ("loss", "auroc", "pr_auc")
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


SLICES = {"length": "length", "cut": "what the model's limit cuts", "label": "true label", "negation": "negation"}


def slice_group(name: str) -> str:
    """What rows were told apart by; a column goes by its name."""
    return SLICES.get(name, short(name))


def metric_note(facts: DataFacts) -> str:
    """Which label precision, recall and F1 are about."""
    if facts.positive_label is None:
        return (
            f"With {show.count(len(facts.label_names))} labels, precision, recall and F1 are macro means: "
            "each label counts the same, however rare it is."
        )
    return f'F1, precision and recall are those of the positive label, "{short(facts.positive_label)}".'


def rows_in_words(count: int) -> str:
    """ "1 test row", "1,000 test rows"."""
    return "1 test row" if count == 1 else f"{show.count(count)} test rows"


def power_sentence(rows: int, gaps: Sequence[float]) -> str:
    """How small a difference these rows can show. gaps: the detectable ones, as shares; at least one."""
    if min(gaps) >= 1:
        return f"{rows_in_words(rows)} can tell no difference from chance, however large it is."
    least, most = show.bare_percent(min(gaps)), show.bare_percent(max(gaps))
    gap = f"{least} points" if least == most else f"{least} to {most} points, by pair,"
    return (
        f"With {rows_in_words(rows)} a gap under {gap} cannot be told from chance with any certainty "
        f"(80{show.SPACE}% power)."
    )


def interval(metric: Metric, write: Callable[[float | None], str]) -> str:
    """The two ends of an interval: "78.8 to 83.6"; nothing where it is not defined."""
    if not (show.defined(metric.low) and show.defined(metric.high)):
        return ""
    return f"{write(metric.low)} to {write(metric.high)}"


def cell_with_interval(
    metric: Metric | None, write: Callable[[float | None], str], write_end: Callable[[float | None], str]
) -> Cell:
    """A value with its interval beside it, a dash where there is none."""
    if metric is None or not show.defined(metric.value):
        return Cell(show.DASH, why="not measured")
    return Cell(write(metric.value), aside=interval(metric, write_end))


def share_cell(metric: Metric | None) -> Cell:
    """An accuracy or a rate with its interval."""
    return cell_with_interval(metric, show.percent, show.bare_percent)


def points_cell(metric: Metric | None) -> Cell:
    """A difference of shares with its interval."""
    return cell_with_interval(metric, show.points, show.points)
