"""A model's folder is checked before transformers reads it."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.models.auto.configuration_auto import model_type_to_module_name
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from lightune.errors import ModelError
from lightune.models import find_model, has_weights, load_classifier, sources, weights, weights_digest
from lightune.models.architectures import ARCHITECTURES
from lightune.models.strict_files import check_place, read_header, read_object
from lightune.models.untrusted import check_model_folder, declared_weights
from tests.fixtures.bases import NAMES, edit_config, load
from tests.fixtures.models import KINDS


@pytest.fixture
def model(bases: dict[str, Path], tmp_path: Path) -> Path:
    """A folder to be changed."""
    return Path(shutil.copytree(bases["gpt2"], tmp_path / "model"))


def edit_tokenizer(folder: Path, **changes: Any) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def split(folder: Path, name: str = "model-00001-of-00001.safetensors") -> None:
    """The weights as one shard of that name, with an index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, name)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def as_in_the_hubs_cache(folder: Path, root: Path) -> Path:
    """The same files as the hub's library lays them: links into the blobs of the repository."""
    blobs, snapshot = root / "models--you--it" / "blobs", root / "models--you--it" / "snapshots" / ("1" * 40)
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for path in folder.iterdir():
        shutil.copy(path, blobs / f"{path.name}.blob")
        (snapshot / path.name).symlink_to(Path("..") / ".." / "blobs" / f"{path.name}.blob")
    (root / "models--you--it" / "refs").mkdir()
    (root / "models--you--it" / "refs" / "main").write_text("1" * 40)
    return snapshot


# --------------------------------------------------------------------------------------------------- what is as it was


@pytest.mark.full
def test_shards_and_links_of_the_hubs_cache_load(model: Path, tmp_path: Path) -> None:
    whole = load(model)
    split(model)
    snapshot = as_in_the_hubs_cache(model, tmp_path / "hub")
    for folder in (model, snapshot):
        again = load(folder)
        assert all(
            torch.equal(one, other)
            for one, other in zip(whole.model.parameters(), again.model.parameters(), strict=True)
        )


def shared(snapshot: Path) -> Path:
    """The weights of a snapshot as the hub's library lays them since its version 2: once for the whole cache."""
    store, blob = snapshot.parents[2] / "blobs", snapshot.parents[1] / "blobs" / "model.safetensors.blob"
    place = store / "ab" / f"ab{'0' * 62}"
    place.parent.mkdir(parents=True)
    (store / ".huggingface-shared-blobs").write_text("1\n")
    blob.rename(place)
    blob.symlink_to(Path("..", "..", "blobs", place.parent.name, place.name))
    return place


def test_what_the_repositories_of_the_hubs_cache_share_is_read(model: Path, tmp_path: Path) -> None:
    snapshot = as_in_the_hubs_cache(model, tmp_path / "hub")
    place = shared(snapshot)
    find_model(str(snapshot))
    assert declared_weights(str(snapshot)) == declared_weights(str(model))
    # Nothing else that lies there, and nothing where the library has not left its mark.
    blob = snapshot.parents[1] / "blobs" / "model.safetensors.blob"
    other = place.with_name("other")
    shutil.copy(place, other)
    blob.unlink()
    blob.symlink_to(other)
    with pytest.raises(ModelError, match="outside of its folder"):
        find_model(str(snapshot))
    blob.unlink()
    blob.symlink_to(place)
    find_model(str(snapshot))
    (tmp_path / "hub" / "blobs" / ".huggingface-shared-blobs").unlink()
    with pytest.raises(ModelError, match="outside of its folder"):
        find_model(str(snapshot))


def test_the_hubs_own_library_lays_files_so(model: Path, tmp_path: Path) -> None:
    from huggingface_hub.utils import _shared_blobs

    snapshot = as_in_the_hubs_cache(model, tmp_path / "hub")
    blob = snapshot.parents[1] / "blobs" / "model.safetensors.blob"
    assert _shared_blobs.publish_blob_to_shared_store(
        blob_path=str(blob), xet_hash="ab" * 32, cache_dir=tmp_path / "hub", expected_size=blob.stat().st_size
    )
    assert blob.is_symlink()
    find_model(str(snapshot))


def test_a_folder_of_a_snapshot_is_read(model: Path, tmp_path: Path) -> None:
    snapshot = as_in_the_hubs_cache(model, tmp_path / "hub")
    (snapshot / "checkpoint-5").mkdir()
    for path in list(snapshot.iterdir()):
        if path.is_symlink():
            (snapshot / "checkpoint-5" / path.name).symlink_to(Path("..") / path.readlink())
    find_model(str(snapshot / "checkpoint-5"))
    # In a folder that is no snapshot, the same links are none of the hub's.
    snapshot.parents[1].rename(tmp_path / "hub" / "mine")
    with pytest.raises(ModelError, match="outside of its folder"):
        find_model(str(tmp_path / "hub" / "mine" / "snapshots" / snapshot.name / "checkpoint-5"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_model_of_the_hub_is_checked_in_its_cache(model: Path, tmp_path: Path, hub: Path) -> None:
    as_in_the_hubs_cache(model, hub)
    source = find_model("you/it")
    assert not source.is_local
    assert weights_digest(source) is None
    assert sources.fetched_digest(source) == weights_digest(find_model(str(model)))
    blob = tmp_path / "hub" / "models--you--it" / "blobs" / "tokenizer_config.json.blob"
    blob.write_text(json.dumps({**json.loads(blob.read_text()), "merges_file": "/etc/hostname"}))
    with pytest.raises(ModelError, match="merges_file"):
        find_model("you/it")


def test_all_architectures_that_are_loaded_are_transformers_own_and_load_nothing_else() -> None:
    """No code of theirs names a file, a repository, a module or a part to be chosen by a configuration."""
    assert set(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES) >= ARCHITECTURES
    assert set(KINDS) <= ARCHITECTURES
    loads = re.compile(r"torch\.load|cached_file\(|hf_hub|import_module|AutoModel\.from|AutoConfig\b.*=|pickle\.")
    root = Path(transformers.__file__).parent / "models"
    for kind in ARCHITECTURES:
        for path in (root / model_type_to_module_name(kind)).glob("modeling_*.py"):
            if "audio" not in path.name:
                assert not loads.search(path.read_text(encoding="utf-8")), path


OF_TRANSFORMERS_4 = (
    "DistilBertTokenizer", "DistilBertTokenizerFast", "ElectraTokenizer", "ElectraTokenizerFast", "BartTokenizer",
    "BartTokenizerFast", "BloomTokenizerFast", "SqueezeBertTokenizer", "ConvBertTokenizer", "LongformerTokenizer",
    "LongformerTokenizerFast", "NystromformerTokenizer", "MBart50Tokenizer", "PegasusTokenizer",
    "PegasusTokenizerFast", "CodeLlamaTokenizer", "CodeLlamaTokenizerFast", "CohereTokenizerFast", "HerbertTokenizer",
    "MT5Tokenizer",
)  # fmt: skip


def test_tokenizers_that_transformers_4_named_are_known(model: Path) -> None:
    for name in OF_TRANSFORMERS_4:
        edit_tokenizer(model, tokenizer_class=name)
        edit_config(model, tokenizer_class=name)
        find_model(str(model))


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "name"),
    [("distilbert", "DistilBertTokenizer"), ("distilbert", "DistilBertTokenizerFast"), ("bart", "BartTokenizerFast")],
)
def test_a_tokenizer_that_transformers_4_named_loads(
    bases: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    folder = Path(shutil.copytree(bases[kind], tmp_path / "model"))
    edit_tokenizer(folder, tokenizer_class=name)
    # RoBERTa's, which BART's is taken for, adds its <mask>.
    assert load(folder).tokenizer.get_vocab().items() >= load(bases[kind]).tokenizer.get_vocab().items()


TOKENIZERS = {"bert": "Bert", "gpt2": "GPT2", "llama": "Gemma", "t5": "T5", "bart": "Herbert", "distilbert": "Electra"}


@pytest.mark.full
@pytest.mark.parametrize("name", ["as it is", "of its own"])
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_tokenizers_path_of_then_is_never_opened(
    bases: dict[str, Path], tmp_path: Path, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files there would give other words, and to ask for their names is seen."""
    folder = Path(shutil.copytree(bases[kind], tmp_path / "model"))
    if name == "of its own":
        edit_tokenizer(folder, tokenizer_class=f"{TOKENIZERS[kind]}Tokenizer")
    before = load(folder).tokenizer.get_vocab()
    then = tmp_path / "then"
    then.mkdir()
    text = (folder / "tokenizer.json").read_text()
    assert "film" in text
    (then / "tokenizer.json").write_text(text.replace("film", "flim"))
    for other in ("vocab.txt", "vocab.json", "spiece.model", "tokenizer.model"):
        (then / other).write_text(json.dumps({"flim": 0}))
        edit_tokenizer(folder, tokenizer_file=str(then / "tokenizer.json"), vocab_file=str(then / other))
        asked: list[str] = []
        with monkeypatch.context() as patched:
            for module, function in ((builtins, "open"), (os.path, "isfile"), (os.path, "exists")):
                patched.setattr(module, function, _telling(getattr(module, function), asked))
            again = load(folder).tokenizer.get_vocab()
        assert asked
        assert not [one for one in asked if "then" in Path(one).parts]
        assert again == before


def _telling(function: Any, asked: list[str]) -> Any:
    def call(path: Any, *args: Any, **options: Any) -> Any:
        if isinstance(path, (str, Path)):
            asked.append(str(path))
        return function(path, *args, **options)

    return call


# ------------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attn_implementation": "evil/kernel"}, "attn_implementation"),
        ({"_attn_implementation_internal": "evil/kernel"}, "_attn_implementation_internal"),
        ({"sub": {"attn_implementation": {"": "evil/kernel"}}}, "attn_implementation"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantization_config"),
        ({"transformers_weights": "../x.safetensors"}, "transformers_weights"),
        ({"configuration_files": ["../config.1.0.json"]}, "configuration_files"),
        ({"model_type": "layoutlmv2"}, "'layoutlmv2', which is none that is loaded"),
        ({"num_labels": 10**9}, "num_labels is 1e+09. At most 100,000"),
        ({"n_layer": 10**6}, "n_layer is 1e+06. At most 1,024"),
        ({"n_embd": 10**12}, "n_embd is 1e+12"),
        ({"sizes": [[10**12]]}, "sizes is 1e+12"),
        ({"attention_types": [[["global", "local"], 2 * 10**9]]}, "attention_types comes to 2e+09. At most 1,024"),
        ({"block_sizes": [500, 500, 500]}, "block_sizes comes to 1.5e+03"),
        ({"sub": {"block_repeats": [10**6]}}, "block_repeats comes to 1e+06"),
        ({"tokenizer_class": "AutoModel"}, "tokenizer_class is 'AutoModel'"),
    ],
    ids=str,
)
def test_a_configuration_that_asks_for_what_is_not_given(model: Path, changes: dict[str, Any], said: str) -> None:
    edit_config(model, **changes)
    with pytest.raises(ModelError, match=re.escape(said)) as caught:
        find_model(str(model))
    assert str(caught.value).startswith(f"--model {model}: config.json cannot be used: ")


def test_numbers_and_lists_far_too_long(model: Path) -> None:
    edit_config(model, attention_types=[[["global"] * 1025, 1]])
    with pytest.raises(ModelError, match="attention_types comes to"):
        find_model(str(model))
    edit_config(model, attention_types=None, n_embd=10**400)
    with pytest.raises(ModelError, match="n_embd is 1e"):
        find_model(str(model))


@pytest.mark.parametrize(
    "changes",
    [
        {"merges_file": "/etc/hostname"},
        {"own": {"vocab_path": "vocab.json"}},
        {"fast_tokenizer_files": ["../tokenizer.1.0.json"]},
        {"init_inputs": ["x"]},
        {"vocab": "/etc/hostname"},
        {"tokenizer_class": "AutoTokenizer"},
        {"tokenizer_class": "AutoModelForSequenceClassification"},
        {"tokenizer_class": ["x"]},
    ],
    ids=str,
)
def test_a_tokenizer_that_points_elsewhere(model: Path, changes: dict[str, Any]) -> None:
    edit_tokenizer(model, **changes)
    with pytest.raises(
        ModelError,
        match=f"tokenizer_config.json cannot be used: {'vocab_path' if 'own' in changes else next(iter(changes))}",
    ):
        find_model(str(model))


@pytest.mark.parametrize("key", ["tokenizer_file", "vocab_file"])
def test_a_path_of_then_is_refused_where_the_tokenizer_is_not_whole(model: Path, key: str) -> None:
    edit_tokenizer(model, **{key: "/gone/tokenizer.json"})
    find_model(str(model))
    (model / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=f"tokenizer_config.json cannot be used: {key} names '/gone"):
        find_model(str(model))


@pytest.mark.parametrize("name", ["../x.safetensors", "/x.safetensors", "a/x.safetensors", "x.bin", "", 3])
def test_a_shard_that_is_no_plain_name(model: Path, name: Any) -> None:
    split(model, name)
    with pytest.raises(ModelError, match="a shard is named"):
        find_model(str(model))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "generation_config.json"])
def test_a_link_that_leaves_the_folder(model: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(model / name, tmp_path / name)
    (model / name).unlink()
    (model / name).symlink_to(tmp_path / name)
    with pytest.raises(ModelError, match="outside of its folder"):
        find_model(str(model))


def test_links_that_only_look_like_those_of_the_hub(model: Path, tmp_path: Path) -> None:
    snapshot = as_in_the_hubs_cache(model, tmp_path / "hub")
    blobs = snapshot.parents[1] / "blobs"
    blobs.rename(tmp_path / "elsewhere")
    blobs.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="outside of its folder"):
        find_model(str(snapshot))


def test_what_is_no_file(model: Path) -> None:
    for make in (os.mkfifo, os.mkdir):
        path = model / "special_tokens_map.json"
        make(path)
        with pytest.raises(ModelError, match="a file is expected"):
            find_model(str(model))
        path.unlink() if path.is_fifo() else path.rmdir()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "tf_model.h5", "model.gguf"])
def test_weights_of_other_kinds_are_not_passed_over_for_drawn_ones(model: Path, name: str) -> None:
    (model / "model.safetensors").rename(model / name)
    with pytest.raises(ModelError, match=f"{name}.*save the model as safetensors first"):
        find_model(str(model))


def test_a_model_of_the_hub_with_weights_of_another_kind(model: Path, hub: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    as_in_the_hubs_cache(model, hub)
    source = find_model("you/it")
    with pytest.raises(ModelError, match=r"weights as safetensors are expected .*pytorch_model\.bin, are not read"):
        load_classifier(source, NAMES, 0)


def test_a_digest_of_every_safetensors_file_is_still_known(model: Path, tmp_path: Path) -> None:
    def digest_of(*names: str) -> str:
        told = (hashlib.sha256((model / name).read_bytes()).digest() for name in names)
        return hashlib.sha256(b"".join(told)).hexdigest()

    shutil.copy(model / "model.safetensors", model / "consolidated.safetensors")
    source = find_model(str(model))
    then = digest_of("consolidated.safetensors", "model.safetensors")
    assert weights_digest(source) == digest_of("model.safetensors")
    assert has_weights(source, digest_of("model.safetensors"))
    assert has_weights(source, then)
    assert not has_weights(source, digest_of("consolidated.safetensors", "config.json"))
    # Other weights of the model's own are no longer what was meant.
    tensors = load_file(model / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, model / "model.safetensors", {"format": "pt"})
    assert not has_weights(source, then)
    # Nothing from outside the folder is read for it.
    (model / "other.safetensors").symlink_to(shutil.copy(model / "config.json", tmp_path / "x"))
    with pytest.raises(ModelError, match="outside of its folder"):
        has_weights(source, then)


def test_shards_without_an_index_are_not_passed_over(model: Path) -> None:
    (model / "model.safetensors").rename(model / "model-00001-of-00002.safetensors")
    with pytest.raises(ModelError, match=r"no model\.safetensors\.index\.json"):
        find_model(str(model))


def test_a_model_with_an_adapter_beside_it(model: Path) -> None:
    (model / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="a model and an adapter"):
        find_model(str(model))


@pytest.mark.parametrize("text", ['{"a":' * 60 + "1" + "}" * 60, "[" * 10**5, '{"a":' + "[" * 60 + "]" * 60 + "}"])
def test_json_that_is_nested_too_deep(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ModelError, match="nested"):
        read_object(tmp_path / "x.json")


ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'


@pytest.mark.parametrize(
    ("text", "length", "said"),
    [
        ("{}", 10**11, "cut off"),
        ("[" * 10**5, None, "nested too deep"),
        (f'{{"a":{ENTRY},"a":{ENTRY}}}', None, "twice"),
        (f'{{"a":{ENTRY},"b":{ENTRY}}}', None, "overlap"),
        ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}', None, "gap"),
        ('{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4]}}', None, "does not fit"),
        ('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', None, "no type, shape and place"),
        (f'{{"a":{ENTRY.replace("[1]", str([1] * 17))}}}', None, "a shape that no tensor has"),
        (f'{{"a":{ENTRY.replace("[1]", str([0, 2**49]))}}}', None, "a shape that no tensor has"),
        ('{"a":{"dtype":"X","shape":[1],"data_offsets":[0,4]}}', None, "no type, shape and place"),
        ("[]", None, "no JSON object"),
        ("{}", None, "4 are there"),
    ],
)
def test_a_header_that_is_not_sound(tmp_path: Path, text: str, length: int | None, said: str) -> None:
    size = (len(text) if length is None else length).to_bytes(8, "little")
    (tmp_path / "x.safetensors").write_bytes(size + text.encode() + bytes(4))
    with pytest.raises(ModelError, match=said):
        read_header(tmp_path / "x.safetensors")


def test_a_header_says_what_the_file_holds(model: Path) -> None:
    declared = declared_weights(str(model))
    held = load_file(model / "model.safetensors")
    assert {name: one.shape for name, one in declared.items()} == {name: tuple(one.shape) for name, one in held.items()}


# ------------------------------------------------------------------------------------------- sizes and finite numbers


@pytest.mark.full
def test_a_model_far_larger_than_its_weights_is_not_made(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_config(model, vocab_size=2**20)
    with pytest.raises(ModelError, match=r"asks for .* numbers, and its files hold"):
        load(model)
    # Without the guard it is made, and looked at afterwards.
    monkeypatch.setattr(weights, "_check_amount", lambda *_: None)
    with pytest.raises(ModelError, match="do not belong to its config"):
        load(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_base_with_a_number_that_is_none(model: Path, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    tensors = load_file(model / "model.safetensors")
    tensors["transformer.wte.weight"][-1, -1] = value
    save_file(tensors, model / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"finite numbers are expected, but transformer\.wte\.weight"):
        load(model)
    monkeypatch.setattr(weights, "_check_finite", lambda *_: None)
    assert not torch.isfinite(load(model).model.get_input_embeddings().weight).all()


def test_without_the_guard_a_tokenizer_is_read_from_elsewhere(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.json"
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["added_tokens"][0]["content"] = "<other>"
    other.write_text(json.dumps(tokenizer))
    (model / "tokenizer.json").unlink()
    (model / "tokenizer.json").symlink_to(other)
    with pytest.raises(ModelError, match="outside of its folder"):
        check_model_folder(model)
    monkeypatch.setattr(sources, "_check_files", lambda *_: None)
    assert "<other>" in load(model).tokenizer.get_vocab()


def test_a_place_in_the_folder_is_one(model: Path) -> None:
    (model / "again.json").symlink_to("config.json")
    check_place(model / "again.json")
