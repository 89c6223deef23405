import subprocess
import sys

import pytest

import lightune

LIGHT = """
import sys
def heavy():
    slow = {"torch", "transformers", "peft", "pyarrow", "sklearn", "datasets", "scipy", "numpy", "rich.console"}
    return sorted(set(sys.modules) & slow)
import lightune
assert not heavy(), heavy()
from lightune.cli.main import main
for words in (["--help"], ["study", "--help"], ["--version"]):
    assert main(words) == 0
    assert not heavy(), (words, heavy())
"""


def test_all_is_what_dir_shows_and_sorted():
    assert sorted(lightune.__all__) == dir(lightune)
    assert len(set(lightune.__all__)) == len(lightune.__all__)


@pytest.mark.parametrize("name", lightune.__all__)
def test_each_public_name_can_be_had_and_says_what_it_is(name):
    value = getattr(lightune, name)
    if name != "__version__":
        assert value.__name__ == name
        assert value.__doc__


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = lightune.no_such_name


def test_the_import_and_the_help_load_no_model_library():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout
    assert done.stderr == ""


def test_every_error_of_the_user_s_making_leaves_with_code_2():
    for error in (lightune.ConfigError, lightune.DataError, lightune.ModelError):
        assert issubclass(error, lightune.InputError)
        assert error.exit_code == 2
    assert lightune.RunError.exit_code == lightune.LightuneError.exit_code == 1
