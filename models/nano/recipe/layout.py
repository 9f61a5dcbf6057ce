"""What recipe and product share: the prompt, the special tokens, where files lie."""

import json
from pathlib import Path

RECIPE = Path(__file__).resolve().parent
WORK = RECIPE.parent / "work"
ONNX = RECIPE.parent / "onnx"
KNOWLEDGE = RECIPE.parents[2] / "app" / "store" / "knowledge" / "starter-en.jsonl"

BOS, EOS = "<|bos|>", "<|eos|>"
ROLES = ("system", "user", "assistant")
SPECIAL_TOKENS = [BOS, EOS, *(f"<|{role}|>" for role in ROLES)]
CONTEXT_TOKENS = 1024

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

SYSTEM = "Answer only from the passage."
NO_ANSWER = "The passage does not answer this question."


def user_text(passage, question):
    return f"Passage: {passage}\n\nQuestion: {question}"


def prompt_text(passage, question):
    """The chat template above, already rendered with a generation prompt."""
    return f"{BOS}<|system|>{SYSTEM}<|user|>{user_text(passage, question)}<|assistant|>"


def passage_text(entry):
    return f"{entry['title']}. {entry['answer']}"


def entries():
    """The starter entries in file order."""
    with open(KNOWLEDGE, encoding="utf-8") as lines:
        header, *rest = map(json.loads, lines)
    assert header["format"] == "baraza-knowledge" and header["version"] == 1
    return rest


HELD_OUT_EVERY = 10


def split(all_entries):
    """(training entries, held-out entries). Every tenth one is never trained on."""
    held_out = all_entries[HELD_OUT_EVERY // 2 :: HELD_OUT_EVERY]
    ids = {entry["id"] for entry in held_out}
    return [entry for entry in all_entries if entry["id"] not in ids], held_out


def training_questions(entry):
    """All phrasings but the last, which is kept for measuring."""
    return [entry["question"], entry["title"], *entry["phrasings"][:-1]]
