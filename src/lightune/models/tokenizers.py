"""The one door to tokenizers: a padding token, right padding, and special tokens that stay text."""

from __future__ import annotations

from typing import Any

from lightune.errors import ModelError
from lightune.models.sources import ModelSource, quiet_transformers


def load_tokenizer(source: ModelSource) -> Any:
    """Load the tokenizer of `source`.

    A missing padding token becomes the end-of-text token (or the unknown one); padding goes to the right; and
    `split_special_tokens` is set, so that a text that holds the words `<|endoftext|>` keeps them as plain characters
    and none of its tokens can be taken for padding (but for a vocabulary of pieces such as T5's, which finds the piece
    `</s>` in the characters too; pooling by the mask copes). All of it is saved with the tokenizer. Raises ModelError.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                source.location, trust_remote_code=False, padding_side="right", split_special_tokens=True
            )
    except Exception as error:  # the tokenizers library raises that very class for a file that it cannot read
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"--model {source.name}: its tokenizer could not be read ({reason}).") from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"--model {source.name}: a tokenizer of the tokenizers library (tokenizer.json) is expected, but this "
            "model has none."
        )
    if len(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids)) < 2:
        # transformers makes an empty one where a model has no tokenizer's files, and every text would be unknown. T5's
        # empty one knows the space.
        raise ModelError(
            f"--model {source.name}: a tokenizer (tokenizer.json) is expected beside the model, but there is none."
        )
    if tokenizer.pad_token_id is None:
        token = tokenizer.eos_token or tokenizer.unk_token
        if token is None:
            raise ModelError(f"--model {source.name}: its tokenizer has no padding, end-of-text or unknown token.")
        tokenizer.pad_token = token
    return tokenizer
