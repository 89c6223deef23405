import pytest

from lightune.artifacts import folder_bytes, remove_artifact
from lightune.artifacts import saving as module
from tests.artifacts.helpers import adapted, manifest_for, save_adapted
from tests.study.shared import snapshot, unchanged


@pytest.fixture(scope="module")
def made(tiny_gpt2):
    return adapted(tiny_gpt2, ("bad", "good"))


def _save(folder, made, **changes):
    base, model = made
    module.save_adapter_artifact(folder, model, base.head.modules, base.tokenizer, manifest_for(base, **changes))


@pytest.mark.parametrize("step", ["save_adapter", "render_card", "write_manifest"])
def test_a_save_that_breaks_off_leaves_the_old_artefact_and_nothing_else(tmp_path, made, monkeypatch, step):
    _save(tmp_path / "lora", made)

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, broken)
    with unchanged(tmp_path), pytest.raises(KeyboardInterrupt):
        _save(tmp_path / "lora", made, seed=5)
    assert [path.name for path in tmp_path.iterdir()] == ["lora"]


@pytest.mark.parametrize("failing", [0, 1], ids=["the old one moved away", "the new one moved in"])
def test_a_folder_that_cannot_be_replaced_stays_as_it_was(tmp_path, made, monkeypatch, failing):
    _save(tmp_path / "lora", made)
    real, calls = module.os.replace, []

    def broken(source, target):
        calls.append(source)
        if len(calls) == failing + 1:
            raise OSError("no")
        real(source, target)

    with unchanged(tmp_path), monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", broken)
        with pytest.raises(OSError, match="no"):
            _save(tmp_path / "lora", made, seed=5)
    assert [path.name for path in tmp_path.iterdir()] == ["lora"]


def test_a_new_save_takes_the_old_one_s_place_whole(tmp_path, made):
    _save(tmp_path / "lora", made)
    (tmp_path / "lora" / "left over").write_text("old")
    _save(tmp_path / "lora", made, seed=5)
    assert not (tmp_path / "lora" / "left over").exists()
    assert '"seed": 5' in (tmp_path / "lora" / "lightune.json").read_text()


def test_what_a_killed_process_had_begun_to_save_is_cleared_away(tmp_path, made):
    (tmp_path / ".lora.123.partial").mkdir()
    (tmp_path / ".lora.123.partial" / "adapter_config.json").write_text("{")
    _save(tmp_path / "lora", made)
    assert [path.name for path in tmp_path.iterdir()] == ["lora"]


def test_artefacts_of_other_seeds_below_it_are_nobody_s_to_touch(tmp_path, made):
    _save(tmp_path / "lora", made)
    alone = folder_bytes(tmp_path / "lora")
    _save(tmp_path / "lora" / "seeds" / "1", made, seed=1)
    assert folder_bytes(tmp_path / "lora") == alone
    with unchanged(tmp_path / "lora" / "seeds"):
        _save(tmp_path / "lora", made)
        assert [path.name for path in tmp_path.iterdir()] == ["lora"]
        remove_artifact(tmp_path / "lora")
    assert [path.name for path in (tmp_path / "lora").iterdir()] == ["seeds"]


def test_an_adapter_s_folder_holds_all_that_stock_peft_and_a_reader_need(tmp_path, tiny_gpt2):
    save_adapted(tmp_path / "lora", tiny_gpt2, ("bad", "good"))
    assert set(snapshot(tmp_path / "lora")) == {
        *("adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *("lightune.json", "README.md"),
    }


def test_what_a_killed_process_had_moved_away_comes_back(tmp_path):
    """Killed between moving the old folder away and the new one in; the next one saves, or fails to."""
    moved = tmp_path / ".lora.123.before"
    (moved / "seeds" / "1").mkdir(parents=True)
    (moved / "seeds" / "1" / "weights").write_text("x")
    (moved / "lightune.json").write_text("old")

    def fails(folder):
        with module.whole_folder(folder):
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fails(tmp_path / "lora")
    assert (tmp_path / "lora" / "lightune.json").read_text() == "old"
    with module.whole_folder(tmp_path / "lora") as scratch:
        (scratch / "lightune.json").write_text("new")
    assert (tmp_path / "lora" / "lightune.json").read_text() == "new"
    assert (tmp_path / "lora" / "seeds" / "1" / "weights").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["lora"]
