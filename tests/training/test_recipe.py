"""What a training does when the user does not say."""

import pytest

from lightune.config import TrainingConfig
from lightune.training import resolve_recipe


@pytest.mark.parametrize(
    ("rows", "steps", "epochs"),
    [
        (23_000, 2000, 2000 / 1438),  # three epochs would be more than there is need for
        (2_000, 375, 3.0),
        (1_280, 240, 3.0),
        (300, 240, 240 / 19),  # small data get enough
        (32, 40, 20.0),  # but no row is shown more than twenty times
        (5, 20, 20.0),
    ],
)
def test_steps_are_counted_not_only_epochs(rows, steps, epochs):
    recipe = resolve_recipe(TrainingConfig(), rows, 384)
    assert recipe.steps == steps
    assert recipe.epochs == pytest.approx(epochs)


@pytest.mark.parametrize(("width", "rate"), [(32, 1e-3), (384, 1e-3), (768, 5e-4), (1024, 5e-4), (4096, 2e-4)])
def test_the_learning_rate_goes_by_the_models_width(width, rate):
    assert resolve_recipe(TrainingConfig(), 100, width).learning_rate == rate


def test_what_the_user_says_counts():
    recipe = resolve_recipe(TrainingConfig(epochs=0.5, learning_rate=3e-3, patience=7), 1600, 384)
    assert (recipe.steps, recipe.epochs, recipe.learning_rate, recipe.patience) == (50, 0.5, 3e-3, 7)
    assert resolve_recipe(TrainingConfig(epochs=0.5, max_steps=7), 1600, 384).steps == 7


def test_a_step_takes_batch_size_times_accumulation_rows_and_never_more_than_there_are():
    config = TrainingConfig(batch_size=4, accumulation=8, epochs=1)
    recipe = resolve_recipe(config, 100, 384)
    assert (recipe.step_rows, recipe.batch_size, recipe.steps) == (32, 4, 4)
    assert resolve_recipe(config, 10, 384).step_rows == 10


@pytest.mark.parametrize(("steps", "evaluations", "every"), [(375, 8, 47), (8, 8, 1), (3, 8, 1), (100, 1, 100)])
def test_validation_is_looked_at_as_often_as_asked(steps, evaluations, every):
    recipe = resolve_recipe(TrainingConfig(max_steps=steps, evaluations=evaluations), 1000, 384)
    assert recipe.evaluate_every == every


def test_every_setting_is_on_the_record():
    facts = resolve_recipe(TrainingConfig(warmup=0.1, max_steps=50), 1000, 384).as_dict()
    assert facts["warmup_steps"] == 5
    assert None not in facts.values()
