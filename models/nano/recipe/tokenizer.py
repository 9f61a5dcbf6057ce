"""Train the tokenizer: byte-level BPE on the starter knowledge and the word lists of `data.py`.

A space belongs to the word before it ("Press " + "hard "), not to the word after it. So a sentence
has the same tokens at the start of an answer as inside a passage: to copy it is to copy tokens.
"""

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

import data
import layout

VOCABULARY = 2048
PIECES = r"\p{L}+ ?|\p{N}{1,3} ?|[^\s\p{L}\p{N}]+ ?|\s+"


def corpus():
    for entry in layout.entries():
        for text in (layout.passage_text(entry), entry["question"], *entry["phrasings"]):
            yield text
            yield text.lower()
            yield layout.user_text(text, text)
    yield layout.SYSTEM
    yield layout.NO_ANSWER
    for words in data.WORD_LISTS:
        yield " ".join(words)
    for template in data.FACTS + data.HELD_OUT_FACTS:
        yield from template


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=layout.SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=layout.BOS,
        eos_token=layout.EOS,
        pad_token=layout.EOS,
        model_max_length=layout.CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
        chat_template=layout.CHAT_TEMPLATE,
    )


if __name__ == "__main__":
    layout.WORK.mkdir(exist_ok=True)
    train().save_pretrained(layout.WORK / "tokenizer")
    print(f"tokenizer of {VOCABULARY} tokens in {layout.WORK / 'tokenizer'}")
