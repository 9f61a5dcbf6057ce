"""How often the greedy answer is exactly the wanted one, on text the model never saw.

    python measure.py read              a checkpoint, exact matrices
    python measure.py polish --rounded  a checkpoint, matrices rounded to int4
    python measure.py onnx              the exported folder, run by onnxruntime

Greedy decoding gives exactly the wanted tokens if and only if, with the wanted tokens before it,
each of them is the most likely one. So one forward pass over prompt and answer is enough.
"""

import argparse

import numpy as np
import onnxruntime
import torch
from transformers import AutoTokenizer

import data
import layout
import model as network

SEED = 777
DRAWN = 100


def sets():
    """name -> examples."""
    training, held_out = layout.split(layout.entries())
    known, fresh = data.Stream(training, SEED), data.Stream(held_out, SEED)
    every = [(e, q) for e in held_out for q in [e["question"], *e["phrasings"]]]
    return {
        "training entries, kept phrasing": [
            (layout.passage_text(e), e["phrasings"][-1], e["answer"]) for e in training
        ],
        "held-out entries, every phrasing": [
            (layout.passage_text(e), q, e["answer"]) for e, q in every
        ],
        "held-out entries, words swapped": [fresh.swapped_entry() for _ in range(DRAWN)],
        "training entries, words swapped": [known.swapped_entry() for _ in range(DRAWN)],
        "sentences of several entries": [known.mixed_entry() for _ in range(DRAWN)],
        "random words": [known.random_passage() for _ in range(DRAWN)],
        "facts, known families": [known.fact() for _ in range(DRAWN)],
        "facts, held-out families": [known.fact(data.HELD_OUT_FACTS) for _ in range(DRAWN)],
        "not answered, held-out passage": [fresh.unanswered() for _ in range(DRAWN)],
    }


def torch_scorer(stage, rounded, tokenizer):
    model = network.build(tokenizer)
    model.load_state_dict(torch.load(layout.WORK / f"{stage}.pt"))
    if rounded:
        network.train_rounded(model)

    @torch.no_grad()
    def score(ids):
        return network.logits(model, model(torch.tensor([ids])).last_hidden_state)[0].numpy()

    return score


def onnx_scorer(tokenizer):
    session = onnxruntime.InferenceSession(layout.ONNX / "model.onnx")
    shape = network.config(len(tokenizer), 0, 0)
    past = np.zeros((1, shape.num_key_value_heads, 0, shape.head_dim), np.float32)
    empty = {i.name: past for i in session.get_inputs() if i.name.startswith("past_key_values")}

    def score(ids):
        row = np.array([ids], np.int64)
        inputs = {"input_ids": row, "attention_mask": np.ones_like(row), **empty}
        return session.run(["logits"], inputs)[0][0]

    return score


def compare(score, tokenizer, example):
    """(all tokens right, refused, share of tokens right)."""
    passage, question, answer = example
    prompt = tokenizer(layout.prompt_text(passage, question)).input_ids
    wanted = tokenizer(answer + layout.EOS).input_ids
    refusal = tokenizer(layout.NO_ANSWER).input_ids
    best = score(prompt + wanted)[len(prompt) - 1 : -1].argmax(-1)
    right = best == np.array(wanted)
    return right.all(), best[0] == refusal[0] and wanted[0] != refusal[0], right.mean()


def run(what, rounded, show):
    tokenizer = AutoTokenizer.from_pretrained(layout.WORK / "tokenizer")
    score = onnx_scorer(tokenizer) if what == "onnx" else torch_scorer(what, rounded, tokenizer)
    print("exact  tokens  refused  examples  set")
    for name, examples in sets().items():
        results = [compare(score, tokenizer, example) for example in examples]
        exact, refused, right = np.mean(results, axis=0)
        print(f"{exact:5.3f}  {right:6.4f}  {refused:7.3f}  {len(results):8}  {name}")
        if show:
            for example, result in zip(examples, results):
                if not result[0]:
                    print("      ", example[1], "|", example[0][:60])


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("what", help="copy, read, settle, polish or onnx")
    options.add_argument("--rounded", action="store_true")
    options.add_argument("--show", action="store_true", help="list what went wrong")
    chosen = options.parse_args()
    torch.set_num_threads(2)
    run(chosen.what, chosen.rounded, chosen.show)
