"""The model of time and cost: what it fits, what it works out, and the page that it goes into."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from benchmarks.scaling import devices, measure, table
from benchmarks.scaling.model import (
    BYTES,
    Fleet,
    Link,
    Speed,
    Work,
    answer,
    communication,
    fit,
    fits,
    needs_sharing,
)
from benchmarks.scaling.points import (
    FULL,
    INFERENCE,
    KINDS,
    LORA,
    Fixed,
    Measured,
    Point,
    gpt2_size,
    llama_size,
    operations,
    read,
    write,
)

TRUE = Speed(products=5e10, attention=1e10, states=4e8, call=0.01)
SMALL = gpt2_size("GPT-2 small", 768, 12)
LARGE = llama_size("8B", 4096, 32, 14_336, 1024, 128_256)


def _measured(off: float = 0.0, processes: int = 1, slower: float = 1.0) -> Measured:
    """What a machine that is exactly as the model has it would give; `off`: every second point is so much slower."""
    points = [
        Point(kind, size.width, size.blocks, size.weights, size.adapted, length, 2048 * count, count, 0.0)
        for kind in KINDS
        for size in measure.SIZES
        for length in measure.LENGTHS
        for count in {1, processes}
    ]
    timed = [
        replace(
            point,
            seconds=TRUE.seconds(point.kind, point, point.length, point.tokens)
            * (1 + off * (at % 2))
            * (slower if point.processes > 1 else 1)
            / point.processes,
        )
        for at, point in enumerate(points)
    ]
    fixed = (Fixed(10_000_000, 30.0), Fixed(110_000_000, 40.0))
    return Measured("a machine", 1, 1e11, 5e5, tuple(measure.held_out(timed)), fixed)


def _fleet(devices: int = 1, memory: float = 80e9, a_node: int = 8) -> Fleet:
    speeds = dict.fromkeys(KINDS, TRUE)
    return Fleet("f", speeds, memory, Link(100e9, 10e9), a_node, devices, 2.0, 60.0, 0.0, 1e12)


def test_sizes_have_the_parameters_that_their_names_say():
    import torch
    from transformers import GPT2Config, GPT2ForSequenceClassification, LlamaConfig, LlamaForSequenceClassification

    gpt2 = GPT2Config(n_embd=64, n_layer=3, n_head=2, vocab_size=500)
    llama = LlamaConfig(
        hidden_size=64,
        num_hidden_layers=3,
        intermediate_size=100,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=500,
    )
    with torch.device("meta"):
        models = (GPT2ForSequenceClassification(gpt2), LlamaForSequenceClassification(llama))
    for model, size in zip(models, (gpt2_size("", 64, 3, 500), llama_size("", 64, 3, 100, 32, 500)), strict=True):
        found = sum(weight.numel() for weight in model.parameters())
        assert 0 <= found - size.parameters < 0.05 * size.parameters  # biases, norms and the head
    assert round(SMALL.parameters / 1e6) == 124
    assert 7.4e9 < LARGE.parameters < 8.1e9


def test_lora_trains_what_the_size_says():
    from transformers import GPT2Config, GPT2ForSequenceClassification

    from lightune.catalogue import METHODS
    from lightune.methods import attach

    model = GPT2ForSequenceClassification(GPT2Config(n_embd=64, n_layer=3, n_head=2, vocab_size=500, pad_token_id=0))
    adapted = attach(model, ("score",), METHODS["lora"], {"r": 8})
    found = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert found - 2 * 64 == gpt2_size("", 64, 3, 500).adapted


def test_operations_are_those_of_the_other_benchmarks():
    from benchmarks.common.flops import Shape, forward_flops, lora_training_flops

    shape = Shape(SMALL.width, SMALL.blocks, 4 * SMALL.width)
    for kind, counted in ((INFERENCE, forward_flops), (LORA, lora_training_flops)):
        found = sum(operations(kind, SMALL.weights, SMALL.width, SMALL.blocks, 100, 300))
        assert found == pytest.approx(counted(shape, [100, 100, 100]))


def test_the_fit_finds_what_the_measurements_were_made_from():
    fitted = fit(_measured(processes=2, slower=1.25))
    for kind in KINDS:
        found, errors = fitted.speeds[kind], fitted.errors[kind]
        for name in ("products", "attention", "states", "call"):
            assert getattr(found, name) == pytest.approx(getattr(TRUE, name), rel=1e-3)
        assert max(errors.largest, errors.held_out_largest) < 1e-3
        assert fitted.efficiency[kind] == pytest.approx(0.8, rel=1e-3)
    assert fitted.start == pytest.approx(29.0)
    assert fitted.a_parameter == pytest.approx(1e-7)


def test_points_that_are_held_out_have_no_part_in_the_fit_and_their_error_is_told():
    measured = _measured()
    wrong = tuple(replace(point, seconds=2 * point.seconds) if point.held_out else point for point in measured.points)
    fitted = fit(replace(measured, points=wrong))
    for kind in KINDS:
        assert fitted.speeds[kind].products == pytest.approx(TRUE.products, rel=1e-3)
        errors = fitted.errors[kind]
        assert errors.largest < 1e-3
        assert errors.held_out_median == pytest.approx(0.5, rel=1e-3)
        assert errors.held_out >= len(measure.LENGTHS)
        assert errors.seen + errors.held_out == len(measure.SIZES) * len(measure.LENGTHS)


def test_each_length_and_size_is_seen_by_the_fit_and_each_is_held_out_too():
    points = _measured().points
    largest = max(point.weights for point in points)
    for kind in KINDS:
        for held in (True, False):
            kept = [point for point in points if point.kind == kind and point.held_out == held]
            assert {point.length for point in kept} == set(measure.LENGTHS)
            assert len({point.weights for point in kept} - {largest}) == len(measure.SIZES) - 1
    assert all(point.held_out for point in points if point.weights == largest)


def test_an_error_of_the_model_is_seen():
    errors = fit(_measured(off=0.3)).errors[LORA]
    assert 0.05 < errors.median < 0.3
    assert errors.held_out_largest > 0.05


def test_too_few_points_are_no_fit():
    measured = _measured()
    with pytest.raises(ValueError, match="at least 4 points"):
        fit(replace(measured, points=measured.points[:5]))


def test_wider_models_reach_a_larger_share_of_the_peak():
    shares = [TRUE.share(LORA, gpt2_size("", width, 4), 256, 1e11) for width in (128, 512, 2048, 8192)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 0.5


def test_what_is_exchanged_is_what_is_trained():
    assert communication(LARGE, LORA, _fleet(1)) == 0
    assert communication(LARGE, INFERENCE, _fleet(8)) == 0
    inside = communication(LARGE, LORA, _fleet(8))
    assert inside == pytest.approx(7 / 8 * 2 * BYTES * LARGE.adapted / 100e9)
    assert communication(LARGE, LORA, _fleet(16)) == pytest.approx(15 / 16 * 2 * BYTES * LARGE.adapted / 10e9)
    assert communication(SMALL, FULL, _fleet(8)) == pytest.approx(7 / 8 * 2 * BYTES * SMALL.parameters / 100e9)


def test_a_model_too_big_for_a_device_is_shared_out_and_all_its_weights_travel():
    assert not needs_sharing(LARGE, LORA, 80e9)
    assert needs_sharing(LARGE, FULL, 80e9)
    assert not fits(LARGE, FULL, _fleet(2))
    assert fits(LARGE, FULL, _fleet(8))
    assert communication(LARGE, FULL, _fleet(8)) == pytest.approx(7 / 8 * 3 * BYTES * LARGE.parameters / 100e9)
    assert answer(LARGE, FULL, Work(1000, 256), _fleet(1)) is None


def test_an_answer_adds_up():
    found = answer(SMALL, LORA, Work(16_000, 256), _fleet())
    assert found is not None
    computing = 1000 * TRUE.seconds(LORA, SMALL, 256, 16 * 256)
    whole = computing + 60 + 16_000 * 256 / 1e12
    assert found.hours == pytest.approx(whole / 3600)
    assert found.cost == pytest.approx(2 * whole / 3600)
    assert found.busy == pytest.approx(computing / whole)


def test_more_devices_are_faster_and_never_cheaper():
    answers = [answer(SMALL, LORA, Work(1_000_000, 256), _fleet(count)) for count in (1, 8, 64)]
    hours, costs = ([getattr(one, name) for one in answers] for name in ("hours", "cost"))
    assert hours == sorted(hours, reverse=True)
    assert costs == sorted(costs)
    assert hours[0] / hours[2] < 64


def test_it_is_written_and_read_back(tmp_path):
    write(_measured(processes=2), tmp_path / "m.json")
    assert read(tmp_path / "m.json") == _measured(processes=2)


def test_the_page_gets_the_tables_between_its_markers_and_again_the_same(tmp_path, capsys):
    write(_measured(processes=2), tmp_path / "m.json")
    page = tmp_path / "scaling.md"
    page.write_text(f"# Before\n{table.BEGIN}\nold\n{table.END}\nAfter\n")
    table.main([str(tmp_path / "m.json"), "--write", str(page)])
    text = page.read_text()
    assert text.startswith(f"# Before\n{table.BEGIN}\n| work |")
    assert text.endswith(f"|\n{table.END}\nAfter\n")
    assert "old" not in text
    rows = [line for line in text.splitlines() if line.startswith("| Llama 3.1 8B | 100,000,000 |")]
    assert len(rows) == 3
    assert all(row.count("|") == 3 + 1 + 3 * len(devices.SHEETS) for row in rows)
    assert any("*" in row for row in rows)
    table.main([str(tmp_path / "m.json"), "--write", str(page)])
    assert page.read_text() == text
    table.main([str(tmp_path / "m.json")])
    assert capsys.readouterr().out.strip() in text


@pytest.mark.parametrize("old", ["nothing", f"{table.END} {table.BEGIN}", 2 * f"{table.BEGIN} {table.END}"])
def test_a_page_without_its_markers_is_left_alone(old):
    with pytest.raises(ValueError, match="a page with one"):
        table.between(old, "new")


def test_a_price_is_the_user_s():
    fitted = fit(_measured())
    usual, dear = (devices.fleets(fitted, prices) for prices in ({}, {"H100": 99.0, "CPU": 0.0}))
    assert [fleet.price for fleet in dear if "H100" in fleet.name] == [99.0] * 3
    assert dear[0].price == 0
    assert [fleet.price for fleet in usual if "L4" in fleet.name] == [
        fleet.price for fleet in dear if "L4" in fleet.name
    ]
    for wrong in ("H100", "H100=dear", "H200=1", "H100=-1", "H100=nan"):
        with pytest.raises(SystemExit, match="--price"):
            table.main([__file__, "--price", wrong])


@pytest.mark.parametrize(
    ("hours", "cost", "said"),
    [
        (0.01, 0.001, "0.6 min, $0.00"),
        (0.5, 12.3, "30 min, $12"),
        (30.0, 1234, "30 h, $1,200"),
        (240.0, 9.96, "10 d, $10"),
    ],
)
def test_figures_say_no_more_than_is_known(hours, cost, said):
    from benchmarks.scaling.model import Answer

    assert table.cell(Answer(hours, cost, 1.0, False)) == said
    assert table.cell(Answer(hours, cost, 1.0, True)) == f"{said}*"
    assert table.cell(None) == "–"


@pytest.mark.full
def test_steps_are_measured_by_one_process_and_by_two(tmp_path):
    size = measure.TINY_SIZES[0]
    measure.make_model(tmp_path / size.name, size)
    points = [point for count in (1, 2) for point in measure._started(tmp_path, size, (8,), count, 1, tiny=True)]
    assert [(point.kind, point.processes, point.tokens) for point in points] == [
        *((kind, 1, 64) for kind in KINDS),
        *((kind, 2, 128) for kind in KINDS),
    ]
    assert all(point.seconds > 0 for point in points)
    trained = {(point.kind, point.processes): point.trained for point in points}
    assert trained[(INFERENCE, 1)] == 0
    assert trained[(LORA, 1)] == trained[(LORA, 2)] == size.adapted + 2 * size.width
    assert trained[(FULL, 1)] > size.parameters
    assert json.loads((tmp_path / f"{size.name}-2.json").read_text())[0]["tokens"] == 128
    assert measure._tokenised(tmp_path / size.name, 20) > 0
