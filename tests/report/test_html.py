from __future__ import annotations

import itertools
import re
from dataclasses import replace

import matplotlib
import pytest

from lightune.records import Metric
from lightune.report import render_html

from . import factory, many_methods, studies
from .hostile import hostile
from .page import Page

pytestmark = pytest.mark.full

STUDIES = {
    "demo": factory.study(),
    "three": factory.study(
        (factory.pretrained(3), factory.lora(3), factory.failed("ia3")),
        facts=factory.data(("bad", "so-so", "good")),
    ),
    "splits": factory.with_splits(),
    "many": factory.many_labels(),
    "single": factory.study((factory.lora(),), ()),
    "failed": factory.study((factory.failed(),), ()),
    "hostile": hostile("<b>'x'</b>"),
    "whole": studies.whole("won", 6),
    "methods": many_methods.study(),
}
XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></svg><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "$\\frac{1}{0$ ]]> <!--",
    "评论 \u202e\x00\ud800 نص",
]


@pytest.fixture(scope="module", params=STUDIES)
def page(request) -> Page:
    result = STUDIES[request.param]
    return Page(render_html(result, factory.texts(result)))


def test_every_tag_is_closed_in_order(page):
    assert page.faults == []


def test_ids_are_unique_and_every_reference_has_its_target(page):
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    wanted = [value[1:] for value in page.attributes("href") if value.startswith("#")]
    wanted += re.findall(r"url\(#([^)]+)\)", page.source) + page.attributes("aria-labelledby")
    assert set(wanted) <= set(ids)


def test_no_script_and_nothing_from_elsewhere(page):
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "form", "base", "img"}
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]
    addresses = page.attributes("src") + page.attributes("href") + page.attributes("xlink:href")
    assert all(value.startswith("#") or value == "data:," for value in addresses)
    assert not re.search(r"@import|url\((?!#)", page.source)
    assert "http://" not in page.source
    assert "https://" not in page.source


def test_the_policy_forbids_scripts_and_requests(page):
    policies = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert len(policies) == 1
    assert "default-src 'none'" in str(policies[0])
    assert "script-src" not in str(policies[0])


def test_headings_go_down_one_step_at_a_time(page):
    levels = page.headings()
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_tables_name_their_rows_and_columns(page):
    scopes = [attrs.get("scope") for tag, attrs in page.tags if tag == "th"]
    assert scopes
    assert set(scopes) == {"row", "col"}


def test_landmarks_and_language(page):
    tags = [tag for tag, _ in page.tags]
    assert all(tags.count(name) == 1 for name in ("header", "nav", "main", "footer", "h1", "title"))
    assert ("html", {"lang": "en"}) in page.tags


def test_pictures_have_words(page):
    pictures = [attrs for tag, attrs in page.tags if tag == "svg"]
    for attrs in pictures:
        assert attrs["role"] == "img"
        assert attrs["aria-label"]


def test_it_is_small(page):
    assert len(page.source.encode()) < 3_000_000


def test_every_section_says_how_it_is_read_and_computed(page):
    sections = [attrs for tag, attrs in page.tags if tag == "section"]
    assert page.text.count("How to read it.") == len(sections)
    assert page.text.count("How it was computed.") == len(sections)


@pytest.fixture(scope="module")
def harmless_tags() -> list[str]:
    """The tags of the page that has "x" wherever the others have something evil."""
    result = hostile("x")
    return shown_tags(Page(render_html(result, factory.texts(result, "x"))))


def shown_tags(page: Page) -> list[str]:
    """All tags, but for lines of a picture, of which a longer name may need more."""
    return [tag for tag, _ in page.tags if tag not in {"path", "g"}]


@pytest.mark.parametrize("evil", XSS)
def test_what_a_user_wrote_is_shown_and_never_obeyed(evil, harmless_tags):
    result = hostile(evil)
    source = render_html(result, factory.texts(result, evil))
    page = Page(source)
    assert page.faults == []
    assert shown_tags(page) == harmless_tags
    assert not page.attributes("onerror") + page.attributes("onmouseover")
    source.encode("utf-8")
    if evil.isascii():
        assert " ".join(evil.split()) in page.text


def test_the_same_records_make_the_same_bytes():
    result = factory.many_labels()
    assert render_html(result, factory.texts(result)) == render_html(result, factory.texts(result))


def test_a_notebooks_own_style_changes_no_picture_and_is_kept():
    before = render_html(factory.study(), {})
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path"}):
        assert render_html(factory.study(), {}) == before
        assert matplotlib.rcParams["font.size"] == 30


def test_colours_are_the_pages_own():
    source = render_html(factory.study(), {})
    drawing = source[source.index("<svg") : source.rindex("</svg>")]
    assert "var(--accent)" in drawing
    assert not re.search(r"#[0-9a-f]{6}\b", drawing)


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(one: str, other: str, part: float) -> str:
    pairs = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * part + b * (1 - part)):02x}" for a, b in pairs)


def test_letters_stand_out_in_light_dark_and_print():
    source = render_html(factory.study(), {})
    themes = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{[^}]*\}", source)]
    assert len(themes) == 3
    for theme in themes:
        for ground in ("page", "panel"):
            for letters in ("ink", "muted", "accent", "other", "good", "bad"):
                assert contrast(theme[letters], theme[ground]) >= 4.5, (letters, ground, theme)
        page = "#ffffff" if theme["page"] == "#fff" else theme["page"]
        assert contrast(theme["ink"], mixed(theme["accent"], page, 0.45)) >= 4.5


# -------------------------------------------------------------------------------------------- what it says


@pytest.fixture(scope="module")
def demo() -> str:
    return text_of(factory.study())


def text_of(result, texts=None) -> str:
    return Page(render_html(result, factory.texts(result) if texts is None else texts)).text


def test_the_facts_of_the_demo_are_there(demo):
    for fact in (
        "gpt2 on embedded reviews",
        "Fine-tuning wins",
        "Fine-tuning with LoRA is better here: it labels 81.3 % of 1,000 test rows right",
        'F1, precision and recall are those of the positive label, "positive".',
        "81.3 % 78.9 to 83.7",
        "+31.0 +28.1 to +33.9",
        "lora is better",
        "Only lora is right: 10 of 360, widest gap first",
        "99.0 % on the true label",
        "3 min 20 s",
        "36,864 0.9 %",
        "1.23 GiB",
        "in a process of its own",
        "Confusion matrix of lora",
        "406 81.2 %",
        "pretrained over 5 seeds",
        "180 kept",
        "c_attn, c_proj, c_fc",
        "No validation split: 10 % were cut from train.",
        "31 3.1 %",
        "2.4e−07",
        "PeftModel.from_pretrained(base, arms/lora)",
        "batch_size: 16",
        "torch: 2.10.0",
        "Wilson",
        "McNemar's exact test",
    ):
        assert fact in demo, fact


def test_a_long_text_is_cut_in_the_middle_and_escaped():
    source = render_html(factory.study(), factory.texts(factory.study()))
    assert "each other.&lt;br /&gt;" in source
    assert re.search(r"\d+ of \d+ characters left out in the middle", source)


def test_texts_that_were_left_out_are_named_as_such():
    text = text_of(factory.study(), {})
    assert "kept without its texts (--no-texts)" in text
    assert "text not kept, row w0-0" in text


def test_an_empty_text_is_named_as_such():
    assert "(an empty text)" in text_of(factory.study(), factory.texts(factory.study(), "  \n"))


def test_a_failed_arm_has_its_reason():
    text = text_of(STUDIES["three"])
    assert text.count("The arm ia3 failed: the loss became NaN at step 41") == 2
    assert "ia3 scales of inner activations failed –" in text


def test_a_metric_that_is_not_defined_is_a_dash_that_says_why():
    page = Page(render_html(factory.study(), {}))
    assert "not defined: the rows or the answers hold one label only" in page.attributes("title")
    assert "nan" not in page.text.lower().split()


def test_many_labels_get_a_heat_map_and_their_commonest_confusions():
    page = Page(render_html(factory.many_labels(), {}))
    text = page.text
    assert "lora: the 15 commonest of" in text
    assert sum(name.startswith("Confusion matrix of") for name in page.attributes("aria-label")) == 6
    assert "With 77 labels, precision, recall and F1 are macro means" in text


def test_ten_labels_still_get_a_matrix():
    names = tuple(f"l{i}" for i in range(10))
    result = factory.study((factory.lora(10),), (), factory.data(names))
    assert "Confusion matrix of lora" in text_of(result)


def test_other_splits_have_their_table(demo):
    assert "Split handwritten" in text_of(factory.with_splits())
    assert "Other rows" not in demo


def test_seeds_are_left_out_where_there_is_one_each():
    assert "Accuracy over seeds" not in text_of(factory.study((factory.lora(),), ()))


def test_lowest_and_highest_are_of_the_largest_train_size():
    grown = factory.seed_scores((0.6, 0.62), 100) + factory.seed_scores((0.8, 0.82), 1000)
    text = text_of(factory.study((replace(factory.lora(), seeds=grown),), ()))
    assert "lowest 80.0 %" in text
    assert "highest 82.0 %" in text


def test_a_gpu_has_its_own_memory_column(demo):
    arm = replace(factory.lora(), cost=factory.cost(peak_device_memory_bytes=2**31))
    assert "Peak GPU memory" in text_of(factory.study((arm,), ()))
    assert "Peak GPU memory" not in demo


def test_with_very_many_comparisons_it_stays_small_and_says_what_it_shows():
    arms = tuple(replace(factory.lora(), name=f"arm{i}", training=None) for i in range(24))
    pairs = tuple(factory.comparison(a=f"arm{i}", b=f"arm{j}") for i, j in itertools.combinations(range(24), 2))
    result = factory.study(arms, pairs)
    source = render_html(result, factory.texts(result, "long words " * 200))
    assert len(source.encode()) < 3_000_000
    assert "Only arm0 is right: 1 of 360" in Page(source).text


@pytest.mark.full
def test_eight_arms_on_77_labels_are_at_most_three_megabytes():
    result = studies.whole("won", 77, 3080, 3, ("ia3",))
    source = render_html(result, factory.texts(result, "long words " * 200))
    assert len(source.encode()) < 3_000_000


def test_records_with_little_in_them():
    bare = replace(factory.lora(), metrics={"accuracy": Metric(0.5, 0.5, 0.5)}, confusion=(), cost=None, seeds=())
    bare = replace(bare, training=None, stock_route=None, reload_difference=None, cut_rows={}, notes=())
    text = text_of(replace(factory.study((bare,), ()), config={}, environment={}))
    assert "50.0 %" in text
