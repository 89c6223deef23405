from dataclasses import replace

import pytest

from lightune.config import (
    AnalysisConfig,
    DataConfig,
    LoraConfig,
    ModelConfig,
    StudyConfig,
    TrainingConfig,
    config_from_dict,
    config_from_yaml,
    config_to_dict,
    config_to_yaml,
)
from lightune.errors import ConfigError

ODD = StudyConfig(
    model=ModelConfig("a/b", 128, "head+tail"),
    data=DataConfig("Käse.csv", "text: #1", "001", "yes", "NA", "1.0", 10, 5, 7, 3),
    arms=("lora", "pretrained"),
    training=TrainingConfig(0.5, 12, 1e-5, 4, 2, "cosine", 0.25, 0.1, 0.5, 3, 0, "macro_f1", "balanced", True),
    lora=LoraConfig(4, 8.5, 0.25, ("c_attn", "c_proj")),
    seed=7,
    seeds=3,
    keep_texts=False,
)


@pytest.mark.parametrize("config", [StudyConfig(), ODD], ids=["defaults", "all set"])
def test_a_configuration_comes_back_from_yaml_as_it_was(config):
    assert config_from_yaml(config_to_yaml(config)) == config
    assert config_from_dict(config_to_dict(config)) == config


@pytest.mark.parametrize(
    "text", ["next\x85line", "a\u2028b", "a\u2029b", "a\nb", "\x1b\x07", "'\x85\"", " \x85 ", "yes", "1e3"]
)
def test_any_text_comes_back_from_yaml_as_it_was(text):
    config = StudyConfig(ModelConfig(text), DataConfig(text), analysis=AnalysisConfig((text,)))
    assert config_from_yaml(config_to_yaml(config)) == config


def test_missing_options_take_their_defaults():
    assert config_from_yaml("") == StudyConfig()
    assert config_from_yaml("seed: 4") == StudyConfig(seed=4)


def test_every_fault_is_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        StudyConfig(
            model=ModelConfig("", 2, "middle"),
            data=DataConfig("", train_size=1, test_size=0, seed=-1),
            arms=("lora", "lora"),
            training=TrainingConfig(learning_rate=-1, select_by="luck", warmup=1.0),
            lora=LoraConfig(rank=0, dropout=1.0),
            seeds=0,
        )
    for option in (
        *("--model", "--max-length", "--truncate", "--data:", "--train-size", "--test-size", "--data-seed", "--arms"),
        *("--learning-rate", "--select-by", "--warmup", "--rank", "--dropout", "--seeds"),
    ):
        assert option in str(caught.value)
    assert "--alpha" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "name", "value", "option"),
    [
        ("training", "epochs", 0.0, "--epochs"),
        ("training", "epochs", float("nan"), "--epochs"),
        ("training", "epochs", float("inf"), "--epochs"),
        ("training", "max_steps", 0, "--max-steps"),
        ("training", "batch_size", 0, "--batch-size"),
        ("training", "accumulation", 0, "--accumulation"),
        ("training", "schedule", "Linear", "--schedule"),
        ("training", "weight_decay", -0.1, "--weight-decay"),
        ("training", "max_grad_norm", 0.0, "--max-grad-norm"),
        ("training", "evaluations", 0, "--evaluations"),
        ("training", "patience", -1, "--patience"),
        ("training", "class_weights", "inverse", "--class-weights"),
        ("lora", "alpha", 0.0, "--alpha"),
        ("lora", "dropout", float("nan"), "--dropout"),
        ("data", "validation_size", 1, "--validation-size"),
        ("model", "max_length", 3, "--max-length"),
    ],
)
def test_a_value_out_of_range_is_named_by_its_option(section, name, value, option):
    config = StudyConfig()
    changed = replace(getattr(config, section), **{name: value})
    with pytest.raises(ConfigError, match=f"^{option}: "):
        replace(config, **{section: changed})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sead: 1", "sead"),
        ("lora: {rang: 2}", "rang"),
        ("seed: abc", "seed"),
        ("data: 5", "data"),
        ("training: {epochs: many}", "epochs"),
        ("lora: {rank: null}", "rank"),
        ("- lora", "mapping"),
        ("a: [", "not YAML: in line 1, column 5, "),
        ("a: 1\n  b: 2\n", "not YAML: in line 2, column 4, mapping values are not allowed here.$"),
        ("\x07", "not YAML: "),
        ("seeds: 0", r"^--seeds: at least 1 is expected, got 0\.$"),
        ("seed: 1.5", r"a whole number is expected, got 1\.5 @ \$\.seed"),
        ("seed: true", "a whole number is expected, got True"),
        ("arms: lora", "a list of texts is expected, got 'lora'"),
        ("arms: [1]", "a list of texts"),
        ("lora: {target_modules: c_attn}", "a list of texts"),
        ("keep_texts: 'no'", "true or false is expected, got 'no'"),
        ("training: {learning_rate: fast}", "a number is expected, got 'fast'"),
        ("training: {learning_rate: true}", "a number is expected, got True"),
        ("data: {source: 5}", "a text is expected, got 5"),
        ("1: x", "has the key 1; a text is expected"),
        ("training: {1: 2}", "has the key 1; a text is expected"),
        ("zero_shot: {no: 1}", "has the key False; a text is expected. In YAML put it in quotes"),
        ("!!map [a]", "not of the kind that YAML takes it for"),
        ("seed: 2020-13-45", "takes it for: month must be in 1..12"),
        ("seed: !!int x", "takes it for: invalid literal"),
        ("seed: !!bool x", "takes it for: 'x'"),
        ("seed: " + 5000 * "9", "takes it for: Exceeds the limit"),
        ("data: !!timestamp foo", "not of the kind that YAML takes it for"),
        (3000 * "[", "nested too deeply"),
    ],
)
def test_yaml_that_is_no_configuration_is_refused_with_its_fault(text, said):
    with pytest.raises(ConfigError, match=said):
        config_from_yaml(text)


def test_a_number_as_people_write_it_is_one():
    config = config_from_yaml("training: {learning_rate: 1e-3, epochs: 2}")
    assert (config.training.learning_rate, config.training.epochs) == (1e-3, 2.0)


def test_faults_in_several_sections_of_a_file_are_named_together():
    with pytest.raises(ConfigError) as caught:
        config_from_yaml("sead: 1\nlora: {rang: 2}\ntraining: {batch_size: few}")
    assert all(name in str(caught.value) for name in ("sead", "rang", "batch_size"))


def test_a_seed_is_one_that_numpy_takes():
    assert StudyConfig(seed=2**32 - 5).seed == 2**32 - 5
    for seed, seeds in ((2**32 - 4, 1), (2**32 - 9, 10), (-1, 1)):
        with pytest.raises(ConfigError, match=r"^--seed: from 0 to below"):
            StudyConfig(seed=seed, seeds=seeds)
