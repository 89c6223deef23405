"""A padding token, right padding, and special tokens that stay text."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from lightune.compute import Encoder
from lightune.errors import ModelError
from lightune.models import find_model, load_tokenizer
from tests.fixtures.bases import answers, largest_difference, load, padded
from tests.fixtures.models import DECODERS, ENCODERS, END, KINDS
from tests.fixtures.tiers import few

TEXT = f"The film is a joy {END}"


@pytest.mark.parametrize("kind", DECODERS)
def test_a_text_that_ends_in_the_end_of_text_token_keeps_it_as_characters(
    bases: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    tokenizer = load_tokenizer(find_model(str(bases[kind])))
    ids = tokenizer(TEXT)["input_ids"]
    assert tokenizer.eos_token_id not in ids
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == TEXT
    # Without the setting the words are taken for the token, which is what the guard is for.
    assert AutoTokenizer.from_pretrained(bases[kind])(TEXT)["input_ids"][-1] == tokenizer.eos_token_id
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path)(TEXT)["input_ids"] == ids


def test_an_end_of_sentence_in_a_text_stays_text_where_its_pieces_are_learnt_pairs(bases: dict[str, Path]) -> None:
    bart, t5 = (load_tokenizer(find_model(str(bases[kind]))) for kind in ("bart", "t5"))
    ids = bart("dull </s>")["input_ids"]
    assert (ids[-1], ids.count(bart.eos_token_id)) == (bart.eos_token_id, 1)
    # A vocabulary of pieces knows it as one of them.
    assert t5("dull </s>")["input_ids"].count(t5.eos_token_id) == 2


@pytest.mark.parametrize("kind", ENCODERS)
def test_special_tokens_named_in_a_text_are_no_special_tokens(bases: dict[str, Path], kind: str) -> None:
    tokenizer = load_tokenizer(find_model(str(bases[kind])))
    ids = tokenizer("a film [PAD] [SEP]")["input_ids"]
    assert ids[0] == tokenizer.cls_token_id
    assert ids[-1] == tokenizer.sep_token_id
    assert not {tokenizer.pad_token_id, tokenizer.sep_token_id, tokenizer.cls_token_id} & set(ids[1:-1])


@pytest.mark.parametrize("kind", few(KINDS))
def test_the_padding_token_stands_in_tokenizer_and_configuration_and_is_saved(
    bases: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    base = load(bases[kind])
    assert base.tokenizer.pad_token_id is not None
    assert base.model.config.pad_token_id == base.tokenizer.pad_token_id
    base.tokenizer.save_pretrained(tmp_path)
    base.model.config.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).pad_token_id == base.tokenizer.pad_token_id
    assert json.loads((tmp_path / "config.json").read_text())["pad_token_id"] == base.tokenizer.pad_token_id


def test_a_padding_token_of_its_own_is_kept(bases: dict[str, Path]) -> None:
    assert load_tokenizer(find_model(str(bases["bert"]))).pad_token == "[PAD]"
    assert load_tokenizer(find_model(str(bases["gpt2"]))).pad_token == END


def test_padding_goes_to_the_right_whatever_was_saved(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "left")
    AutoTokenizer.from_pretrained(folder, padding_side="left").save_pretrained(folder)
    assert AutoTokenizer.from_pretrained(folder).padding_side == "left"
    assert load_tokenizer(find_model(str(folder))).padding_side == "right"


@pytest.mark.parametrize("kind", few(KINDS))
def test_an_empty_text_gets_an_answer_the_same_alone_and_in_a_batch(bases: dict[str, Path], kind: str) -> None:
    base = load(bases[kind])
    encoded = Encoder(base.tokenizer, 32, "head").encode(["", "The plot is thin, and the ending is a mess."])
    rows = [base.model.dummy_inputs["input_ids"].new_tensor(row) for row in encoded.ids]
    pad = base.tokenizer.pad_token_id
    alone, together = answers(base.model, **padded(rows[:1], pad)), answers(base.model, **padded(rows, pad))
    assert alone.isfinite().all()
    assert largest_difference(alone, together[:1]) < 1e-5
    assert largest_difference(together[0], together[1]) > 1e-3


@pytest.mark.parametrize("kind", few(KINDS))
def test_a_model_without_its_tokenizers_files_is_refused(bases: dict[str, Path], kind: str, tmp_path: Path) -> None:
    folder = shutil.copytree(bases[kind], tmp_path / "bare", ignore=shutil.ignore_patterns("tokenizer*"))
    with pytest.raises(ModelError, match="tokenizer"):
        load_tokenizer(find_model(str(folder)))


def test_an_unreadable_tokenizer_is_refused_in_one_sentence(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "broken")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="its tokenizer could not be read") as caught:
        load_tokenizer(find_model(str(folder)))
    assert "\n" not in str(caught.value)


def test_a_tokenizer_with_nothing_to_pad_with_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "no-end")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings = {name: value for name, value in settings.items() if name not in ("eos_token", "bos_token", "unk_token")}
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="no padding, end-of-text or unknown token"):
        load_tokenizer(find_model(str(folder)))


def test_a_tokenizer_larger_than_the_embedding_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(bases["gpt2"], tmp_path / "mixed")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"word{at}" for at in range(60)])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match=rf"knows {len(tokenizer)} tokens and its embedding only 400"):
        load(folder)


@pytest.mark.parametrize("kind", few(KINDS, "gpt2", "bert", "bart"))
@pytest.mark.parametrize("place", ["{0} film", "a {0} film", "a film {0}", "{0}", "{0}{0}", "a{0}b"])
def test_the_words_of_special_tokens_are_text_wherever_they_stand(
    bases: dict[str, Path], kind: str, place: str
) -> None:
    tokenizer = load_tokenizer(find_model(str(bases[kind])))
    encoder = Encoder(tokenizer, 64, "head")
    own = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    for token in tokenizer.all_special_tokens:
        if kind == "t5" and token in ("</s>", "<pad>"):
            continue  # a vocabulary of pieces knows them as two of them
        for ids in encoder.encode([place.format(token), *[place.format(token)] * 120]).ids:
            inner = ids[len(encoder.prefix) : len(ids) - len(encoder.suffix)]
            assert len(inner) > 0
            assert not own & set(inner.tolist()), (place, token)
