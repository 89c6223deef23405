import pytest
from huggingface_hub import ModelCard

from lightune.artifacts import BaseModel, Manifest
from lightune.artifacts.card import render_card

WILD = ("`code`", "<script>alert(1)</script>", "two\nlines", "| cell |", "# not a title", "{braces}", "---")


def _manifest(**changes):
    values = {
        "format": 1,
        "lightune": "0.1.0",
        "arm": "lora",
        "kind": "adapter",
        "base": BaseModel("gpt2", "/models/gpt2", None),
        "label_names": ("bad", "good"),
        "positive_label": "good",
        "max_length": 512,
        "truncate": "head",
        "seed": 0,
        "train_size": 2000,
        "data_fingerprint": "0123456789abcdef" * 4,
    }
    return Manifest(**{**values, **changes})


@pytest.mark.parametrize(
    ("kind", "arm", "made_for", "tags"),
    [
        ("adapter", "lora", "peft", {"lightune", "lora", "peft"}),
        ("base", "pretrained", "transformers", {"lightune"}),
    ],
)
def test_the_hub_reads_the_card_s_metadata(kind, arm, made_for, tags):
    data = ModelCard(render_card(_manifest(kind=kind, arm=arm))).data.to_dict()
    assert (data["library_name"], data["pipeline_tag"]) == (made_for, "text-classification")
    assert set(data["tags"]) == tags


def test_the_card_names_labels_cut_rows_and_base():
    card = render_card(_manifest())
    for said in ("`bad`, `good`", "512 tokens", "the head stays", "Training rows: 2000", "gpt2", "0123456789abcdef"):
        assert said in card


def test_names_cannot_leave_their_place_in_the_card():
    card = render_card(_manifest(label_names=WILD, base=BaseModel("a`b<i>\n# c", "x", None)))
    content = ModelCard(card).content
    assert "<" not in content
    (labels,) = [line for line in card.splitlines() if line.startswith("- Labels: ")]
    assert labels.count("`") == 2 * len(WILD)
    assert [line for line in card.splitlines() if line.startswith("# ")] == ["# lora on a\\`b&lt;i&gt; # c"]
    assert card.count("\n---\n") == 1
