"""Where the values of the next trial are drawn, and what they become."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lightune.catalogue import METHODS
from lightune.config import StudyConfig
from lightune.errors import ConfigError
from lightune.search.asked import dimensions
from lightune.search.sampling import propose
from lightune.search.space import (
    BLOCKS,
    HEAD,
    METHOD,
    RANK,
    RATE,
    TARGETS,
    Among,
    Between,
    Space,
    applied,
    default_space,
    settled,
    shown,
)
from lightune.search.trial import RUNNING, Searched, Trial, Value

SPACE = default_space(StudyConfig(arms=("lora",)), 5e-4)
NONE = Searched("f", "loss", (1, 3, 9))


def drawn(space: Space, searched: Searched, seed: int = 0) -> dict[str, Value]:
    return dict(propose(space, searched, seed, "lora"))


def test_the_first_trial_is_what_would_be_used_without_a_search() -> None:
    first = drawn(SPACE, NONE)
    assert first == {RATE: 5e-4, RANK: 8, HEAD: 1.0}
    assert applied(StudyConfig(), first).lora == StudyConfig().lora


def rate_of(values: dict[str, Value]) -> float:
    return float(values[RATE])


@pytest.mark.full
def test_the_same_trials_and_seed_propose_the_same() -> None:
    searched = NONE
    for at in range(12):
        values = drawn(SPACE, searched)
        assert 5e-5 <= rate_of(values) <= 5e-3
        assert values[RANK] in (4, 8, 16, 32)
        assert 0.3 <= float(values[HEAD]) <= 10
        scores = (math.nan,) if at == 3 else (abs(math.log(rate_of(values) / 2e-3)), 0.1)[: 1 + at % 2]
        searched = searched.with_trial(Trial(at, values, scores))
    assert len({trial.values[RATE] for trial in searched.trials}) == 12
    assert drawn(SPACE, searched) == drawn(SPACE, searched)
    assert drawn(SPACE, searched, 1) != drawn(SPACE, searched, 0)
    # What is being trained is drawn from too, though nothing is known of it yet.
    assert drawn(SPACE, searched.with_trial(Trial(12, {**drawn(SPACE, searched)}, state=RUNNING)))


@pytest.mark.full
def test_what_did_well_is_looked_at_more_closely() -> None:
    searched = NONE
    for at in range(40):
        values = drawn(SPACE, searched)
        searched = searched.with_trial(Trial(at, values, (abs(math.log(rate_of(values) / 2e-3)),)))
    away = [abs(math.log(float(trial.values[RATE]) / 2e-3)) for trial in searched.trials]
    assert np.median(away[-16:]) < np.median(away[:8]) / 2


def test_values_become_options_and_alpha_goes_with_the_rank() -> None:
    config = applied(StudyConfig(), {RATE: 1e-3, RANK: 32.0, HEAD: 3.0})
    assert (config.training.learning_rate, config.training.head_rate) == (1e-3, 3.0)
    assert (config.lora.rank, config.lora.alpha) == (32, 64.0)
    assert isinstance(config.lora.rank, int)
    assert SPACE.dimensions[:2] == (Between(RATE, 5e-5, 5e-3), Among(RANK, (4, 8, 16, 32)))


def test_methods_blocks_and_modules_become_options_too() -> None:
    config = replace(StudyConfig(), arms=("lora", "tfidf"))
    some = applied(config, {METHOD: "dora", BLOCKS: 4, TARGETS: "q_proj+v_proj"})
    assert some.arms == ("dora", "tfidf")
    assert some.training.top_blocks == 4
    assert some.lora.target_modules == ("q_proj", "v_proj")
    everything = applied(some, {BLOCKS: 0, TARGETS: "all"})
    assert everything.training.top_blocks is None
    assert everything.lora.target_modules is None


@pytest.mark.full
def test_each_method_has_what_it_can_have_at_rates_of_its_own() -> None:
    asked = dimensions(["method=lora,ia3", "top-blocks=all,half,2", "target-modules=all,mlp"])
    space = default_space(replace(StudyConfig(), arms=("lora",)), 5e-4, settled(asked, 4))
    assert space.first == {METHOD: "lora", RATE: 5e-4, RANK: 8, HEAD: 1.0, BLOCKS: 0, TARGETS: "all"}
    searched = NONE
    for at in range(30):
        values = drawn(space, searched)
        ia3 = values[METHOD] == "ia3"
        assert set(values) == {METHOD, RATE, HEAD, BLOCKS} | (set() if ia3 else {RANK, TARGETS})
        assert values[BLOCKS] in (0, 2)
        factor = METHODS["ia3"].rate if ia3 else 1.0
        assert rate_of(values) / factor * 1.000001 >= 5e-5
        assert rate_of(values) / factor <= 5e-3 * 1.000001
        searched = searched.with_trial(Trial(at, values, (float(at % 5),)))
    assert {trial.values[METHOD] for trial in searched.trials} == {"lora", "ia3"}
    assert "learning rate up to 10 times below and above each method's own" in space.words
    assert "method among lora, ia3" in space.words
    assert "top blocks among all, 2" in space.words
    assert [shown(BLOCKS, 0), shown(RANK, 8), shown(METHOD, "ia3"), shown(RATE, 1e-4)] == ["all", "8", "ia3", "0.0001"]


def test_what_is_asked_for_stands_in_the_place_of_the_usual() -> None:
    space = default_space(StudyConfig(arms=("dora",)), 5e-4, dimensions(["rank=2", "learning-rate=1e-3..1e-2"]))
    assert space.first == {RATE: 1e-3, RANK: 2, HEAD: 1.0}
    assert space.words == "learning rate from 0.001 to 0.01, rank among 2, the head's rate from 0.3 to 10"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rank"], "--search: NAME=VALUE,VALUE is expected, NAME one of learning-rate, rank,"),
        (["epochs=3"], "got 'epochs=3'"),
        (["rank=4", "rank=8"], "--search rank: it is given twice"),
        (["rank=4..8"], "--search rank: whole numbers from 1 on with commas between them are expected, got '4..8'"),
        (["rank=0"], "got '0'"),
        (["rank=4,4"], "got '4,4'"),
        (["learning-rate=1e-3..1e-5"], "--search learning-rate: numbers above 0"),
        (["learning-rate=nan"], "got 'nan'"),
        (["head-rate=-1"], "--search head-rate: "),
        (["top-blocks=none"], "--search top-blocks: whole numbers from 1 on, half or all"),
        (["target-modules=all+mlp"], "--search target-modules: "),
        (["method="], "--search method: methods with commas"),
    ],
)
def test_what_is_no_space_is_told_in_a_sentence(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=r"^--search") as raised:
        dimensions(words)
    assert said in str(raised.value)
