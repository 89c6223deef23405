"""The poisoned artefacts, by what they are made from: a model, an adapter of peft, an artefact of lightune."""

from __future__ import annotations

import json
import shutil

from faults.poisons import (
    BIG,
    IGNORED,
    UNVERIFIED,
    Place,
    Poison,
    both,
    code,
    edit,
    half,
    header,
    inner_base,
    link,
    loop,
    nan,
    other_base,
    pickled,
    pipe,
    shards,
    tensors,
    write,
)

CONFIG, TOKENIZER, ADAPTER = "config.json", "tokenizer_config.json", "adapter_config.json"
WEIGHTS, ADAPTED, MANIFEST = "model.safetensors", "adapter_model.safetensors", "lightune.json"
REMOTE = {"AutoConfig": "odd.Odd", "AutoModelForSequenceClassification": "odd.Odd"}
ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


def _twice() -> bytes:
    entry = json.dumps(ONE)
    return f'{{"a":{entry},"a":{entry}}}'.encode()


def _model_and_adapter(place: Place) -> None:
    """The base that an adapter names holds an adapter too, which names yet another base."""
    base = shutil.copytree(place.outside / "model", place.folder.with_name("base"))
    for name in (ADAPTER, ADAPTED):
        shutil.copy(place.folder / name, base)
    edit(ADAPTER, base_model_name_or_path=str(base))(place)


def _template(place: Place) -> None:
    (place.folder / "additional_chat_templates").symlink_to(place.outside / "templates")
    (place.outside / "templates").mkdir()
    (place.outside / "templates" / "odd.jinja").write_text("x", encoding="utf-8")


def _without_tokenizer(place: Place) -> None:
    (place.folder / "tokenizer.json").unlink()


def _cut_off(place: Place) -> None:
    path = place.folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:5000])


MODELS = [
    Poison("code of its own", "model", both(code, edit(CONFIG, auto_map=REMOTE, model_type="odd"))),
    Poison("code beside a known type", "model", both(code, edit(CONFIG, auto_map=REMOTE)), IGNORED),
    Poison(
        "code for its tokenizer",
        "model",
        both(code, edit(TOKENIZER, auto_map={"AutoTokenizer": ["odd.Odd", None]})),
        IGNORED,
    ),
    Poison("attention from a repository", "model", edit(CONFIG, attn_implementation="evil/kernel")),
    Poison(
        "attention, the inner key", "model", edit(CONFIG, _attn_implementation_internal="evil/kernel"), accepts=True
    ),
    Poison("a quantiser", "model", edit(CONFIG, quantization_config={"quant_method": "gptq", "bits": 4})),
    Poison("weights by another name", "model", edit(CONFIG, transformers_weights="../outside/model/" + WEIGHTS)),
    Poison(
        "a configuration elsewhere",
        "model",
        edit(CONFIG, configuration_files=["../outside/config.1.0.0.json"]),
        accepts=True,
    ),
    Poison("a type with pictures", "model", edit(CONFIG, model_type="layoutlmv2")),
    Poison("a billion labels", "model", edit(CONFIG, num_labels=BIG, id2label=None, label2id=None)),
    Poison("a million layers", "model", edit(CONFIG, n_layer=10**6)),
    Poison("very wide", "model", edit(CONFIG, n_embd=2**15)),
    Poison("very many tokens", "model", edit(CONFIG, vocab_size=2**28)),
    Poison("very many positions", "model", edit(CONFIG, n_positions=2**20)),
    Poison("JSON too deep", "model", write(CONFIG, DEEP)),
    Poison("JSON too long", "model", write(CONFIG, b"{}" + b" " * (70 * 2**20))),
    Poison("a configuration that is a link", "model", link(CONFIG), accepts=True),
    Poison("a configuration that is a pipe", "model", pipe),
    Poison("a link to itself", "model", loop),
    Poison("a pickle", "model", pickled("pytorch_model.bin")),
    Poison("a pickle by another name", "model", pickled("weights.pt")),
    Poison(
        "weights of Keras",
        "model",
        both(pickled("x.bin"), lambda p: (p.folder / "x.bin").rename(p.folder / "tf_model.h5")),
    ),
    Poison("a pickle beside the weights", "model", write("pytorch_model.bin", b"cos\nsystem\n(S'true'\ntR."), IGNORED),
    Poison("shards outside", "model", shards("../outside/model/" + WEIGHTS), accepts=True),
    Poison("shards at an absolute path", "model", shards("OUTSIDE/model/" + WEIGHTS), accepts=True),
    Poison("shards that are pickles", "model", shards("pytorch_model.bin")),
    Poison("a shard that is gone", "model", shards("model-00001-of-00001.safetensors")),
    Poison(
        "shards without an index",
        "model",
        lambda p: (p.folder / WEIGHTS).rename(p.folder / "model-00001-of-00001.safetensors"),
    ),
    Poison("weights that are a link", "model", link(WEIGHTS), accepts=True),
    Poison("a header of 100 GB", "model", header(b"{}", 100 * 10**9)),
    Poison("a header too deep", "model", header(DEEP)),
    Poison("one name twice", "model", header(_twice(), body=b"\0" * 4)),
    Poison("tensors that overlap", "model", header(json.dumps({"a": ONE, "b": ONE}).encode(), body=b"\0" * 4)),
    Poison(
        "a shape without bytes", "model", header(json.dumps({"a": {**ONE, "shape": [2**40]}}).encode(), body=b"\0" * 4)
    ),
    Poison("NaN in the weights", "model", tensors(WEIGHTS, nan), accepts=True),
    Poison("half of the weights", "model", tensors(WEIGHTS, half)),
    Poison("no head", "model", tensors(WEIGHTS, lambda found: found.pop("score.weight"))),
    Poison("weights cut off", "model", _cut_off),
    # Paths that transformers wrote once and passes over where the tokenizer is whole.
    Poison(
        "a tokenizer elsewhere", "model", edit(TOKENIZER, tokenizer_file="OUTSIDE/model/tokenizer.json"), UNVERIFIED
    ),
    Poison("a vocabulary elsewhere", "model", edit(TOKENIZER, vocab_file="OUTSIDE/model/vocab.json"), UNVERIFIED),
    Poison(
        "a tokenizer elsewhere alone",
        "model",
        both(edit(TOKENIZER, tokenizer_file="OUTSIDE/model/tokenizer.json"), _without_tokenizer),
    ),
    Poison(
        "a vocabulary elsewhere alone",
        "model",
        both(edit(TOKENIZER, vocab_file="OUTSIDE/model/vocab.json"), _without_tokenizer),
    ),
    Poison(
        "versions of a tokenizer elsewhere",
        "model",
        edit(TOKENIZER, fast_tokenizer_files=["../outside/tokenizer.1.0.json"]),
        accepts=True,
    ),
    Poison("a tokenizer's arguments", "model", edit(TOKENIZER, init_inputs=["OUTSIDE/model/tokenizer.json"])),
    Poison("a model for a tokenizer", "model", edit(TOKENIZER, tokenizer_class="AutoModelForSequenceClassification")),
    Poison("a tokenizer without end", "model", edit(TOKENIZER, tokenizer_class="AutoTokenizer")),
    Poison("a tokenizer that is a link", "model", link("tokenizer.json"), accepts=True),
    Poison("a template that computes", "model", write("chat_template.jinja", b"{{ ''.__class__.__mro__ }}"), IGNORED),
    Poison("templates elsewhere", "model", _template, accepts=True),
]
ADAPTERS = [
    Poison("half of LoRA", "adapter", tensors(ADAPTED, half)),
    Poison("NaN in LoRA", "adapter", tensors(ADAPTED, nan)),
    Poison("an adapter that is a pickle", "adapter", pickled("adapter_model.bin")),
    Poison("an adapter that is a link", "adapter", link(ADAPTED), accepts=True),
    Poison("a module of its choice", "adapter", edit(ADAPTER, megatron_config={"a": 1}, megatron_core="odd_module")),
    Poison("a tokenizer with trust", "adapter", edit(ADAPTER, tokenizer_kwargs={"trust_remote_code": True})),
    Poison(
        "a state from elsewhere",
        "adapter",
        edit(ADAPTER, peft_type="MULTITASK_PROMPT_TUNING", prompt_tuning_init_state_dict_path="OUTSIDE/state.bin"),
    ),
    Poison("other adapters", "adapter", edit(ADAPTER, peft_type="XLORA", adapters={"a": "OUTSIDE"})),
    Poison("a pattern without end", "adapter", edit(ADAPTER, target_modules="(.*.*)*x{0}(c_attn|(.|.)*)*!")),
    Poison("a rank without end", "adapter", edit(ADAPTER, r=10**8)),
    Poison("a rank for one module", "adapter", edit(ADAPTER, rank_pattern={"c_attn": 10**8})),
    Poison("a base with an adapter", "adapter", _model_and_adapter, accepts=True),
    Poison("a base that is nowhere", "adapter", edit(ADAPTER, base_model_name_or_path="OUTSIDE/none")),
    Poison("a base with another width", "adapter", edit(ADAPTER, base_model_name_or_path="OUTSIDE/wide")),
]
OWN = [
    Poison("another base of the same shape", "lora", other_base(digest=True), accepts=True, other_base=True),
    Poison("another base and no hash", "lora", other_base(digest=False), UNVERIFIED, other_base=True),
    Poison("the adapter names another base", "lora", edit(ADAPTER, base_model_name_or_path="OUTSIDE/model")),
    Poison("a base that leaves the folder", "lora", inner_base("./../outside/model"), accepts=True),
    Poison("a head elsewhere", "lora", edit(MANIFEST, head="../outside/model/model.safetensors")),
    Poison("a temperature that is none", "lora", edit(MANIFEST, temperature=float("nan")), accepts=True),
    Poison("a cut below zero", "lora", edit(MANIFEST, max_length=-5)),
    Poison("a million labels", "bag", edit(MANIFEST, label_names=[str(at) for at in range(10**6)])),
    Poison("code that is not installed", "bag", edit(MANIFEST, kind="plugin", arm="os:system")),
    Poison("a graph elsewhere", "bag", edit(MANIFEST, kind="onnx", settings={"graph": "../outside/g.onnx"})),
    Poison("a manifest too deep", "bag", write(MANIFEST, DEEP)),
    Poison("a manifest that is a link", "bag", link(MANIFEST), accepts=True),
    Poison("terms that are a link", "bag", link("terms.json"), accepts=True),
    Poison("NaN in the numbers", "bag", tensors("numbers.safetensors", nan)),
]
POISONS = [*MODELS, *ADAPTERS, *OWN]
