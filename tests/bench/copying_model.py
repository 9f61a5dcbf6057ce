#!/usr/bin/env python3
"""Makes a model that quotes its prompt, by setting weights by hand; nothing is trained.

    python copying_model.py DIR            in the shape of generate.py --shape-1b, 1.24 B parameters
    python copying_model.py DIR --small    hidden 512, 4 layers, 1000 words: some seconds
    ... --check                            also ask transformers and onnxruntime

DIR gets

    model/          int4 ONNX, as onnxruntime_genai.models.builder wrote it
    prompt.txt      a passage of 400 random words, eight more (the question), and the first two
                    words of what is to be quoted from the middle of the passage
    expected.txt    the 128 words that greedy decoding must answer

Models that answer from a passage mostly repeat it, which is what drafting from the prompt lives
on; a model with random weights never does. This one does, at the cost of any Llama of its shape.
All words of the passage differ. A repeated word makes the model go on with the mean of what
followed each time: it looks at one word, not at two. And the very first word of a prompt has none
before it and attends to itself, so that given that word alone the model repeats it.

The circuit is an induction head: Elhage et al., "A Mathematical Framework for Transformer
Circuits" (2021, transformer-circuits.pub/2021/framework), and Olsson et al., "In-context Learning
and Induction Heads" (2022, transformer-circuits.pub/2022/in-context-learning-and-induction-heads).
Having seen "a b ... a", such a model says "b". It takes two layers:

    layer A   previous-token heads. All tokens ask the same and offer the same, so that only the
              rotation of positions tells them apart; the question is turned back by one position,
              and so fits best what stands one before. What they fetch, the code of the previous
              token, goes to channels of its own.
    layer B   induction heads. A token asks with its own code and offers the code of the token
              before it: "a" finds the "b" that came after the earlier "a". This is laid in the
              rotary pairs that hardly turn, so that distance does not matter. The code of "b" is
              added to the token's own with a larger weight.

The residual stream, in channels:

    [0, 32)           1 for all tokens: what layer A asks and offers
    [32, 32 + n)      the code of the token, later outvoted by the code of the next one
    [32 + n, 32 + 2n) the code of the previous token

with n = 64 * key-value heads (512 at 1B). Codes are random signs, so two of them are nearly
orthogonal, and any 64 channels of one are as good a name of a token as any others: head h works on
channels [64 h, 64 h + 64) alone, and the heads vote. The embedding is also the output matrix
(tied), which reads the same channels that it writes. The other heads and layers have random
weights and compute as usual, but what they compute is multiplied by zero (o_proj, down_proj).

It survives 4 bits because there is hardly anything to round. A weight matrix of the circuit has in
each block of 32 one value that is not zero, or equal ones; a code has only +1 and -1, of which one
becomes 7/8. Norm weights are chosen so that a sign leaves the norm as a sign.
"""

import argparse
import math
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fixtures"))

from generate import config_of, export, logits_of, word_tokenizer  # noqa: E402

SMALL = dict(hidden=512, ffn=1024, layers=4, heads=8, kv_heads=2, head_dim=64, vocab=1000,
             context=1024, tied=True, spread=0.02)
SHAPE_1B = dict(hidden=2048, ffn=8192, layers=16, heads=32, kv_heads=8, head_dim=64, vocab=128256,
                context=8192, tied=True, spread=0.02)

# As in Llama 3. With the usual 10,000 only the last quarter of the pairs turns slowly enough.
ROPE_THETA = 500000.0
# Rotary pairs by what they turn per token, in radians. Those of layer A must tell neighbours apart
# and, together, not come round again; those of layer B must stay still over a whole prompt.
TURNS_FAST = 0.01
TURNS_SLOWLY = 0.001
# Length of questions and keys per channel: a score is its square times the pairs that agree, over
# the root of head_dim. In layer A the next best position is then 27 behind in the exponent.
PREVIOUS_SHARPNESS = 16.0
INDUCTION_SHARPNESS = 6.0
# How much louder the copied token is than the token itself.
COPY_WEIGHT = 4.0
# The logit of the copied token; the token itself gets a quarter of it.
LOGIT = 40.0

CONSTANT = 32
PASSAGE, QUESTION, GIVEN, EXPECTED = 400, 8, 2, 128


class Circuit:
    """Where things are in the residual stream, and the weights that move them."""

    def __init__(self, shape):
        self.hidden = shape["hidden"]
        self.head_dim = shape["head_dim"]
        self.kv_heads = shape["kv_heads"]
        # Of the query heads that share keys and values only the first is read.
        self.group = shape["heads"] // shape["kv_heads"]
        self.n = self.kv_heads * self.head_dim
        self.own = CONSTANT
        self.previous = CONSTANT + self.n
        if self.previous + self.n > self.hidden:
            sys.exit(f"{self.hidden} channels are not enough for two codes of {self.n}")
        half = self.head_dim // 2
        self.turns = [ROPE_THETA ** (-pair / half) for pair in range(half)]

    def norm_weight(self, energy):
        """The weight under which RMSNorm is the identity; energy is the sum of all squares."""
        return math.sqrt(energy / self.hidden)

    def embedding(self, vocabulary):
        """One random code for each token, and the constant."""
        import torch

        weights = torch.zeros(vocabulary, self.hidden)
        weights[:, :CONSTANT] = 1.0
        codes = torch.randint(0, 2, (vocabulary, self.n), dtype=torch.int8)
        weights[:, self.own : self.previous] = codes * 2.0 - 1.0
        return weights

    def move_code(self, attention, to, weight):
        """Values are the token's own code, head by head; the output puts them at channel `to`."""
        attention.v_proj.weight.zero_()
        attention.o_proj.weight.zero_()
        for channel in range(self.n):
            head, within = divmod(channel, self.head_dim)
            read = head * self.group * self.head_dim + within
            attention.v_proj.weight[channel, self.own + channel] = 1.0
            attention.o_proj.weight[to + channel, read] = weight

    def previous_token(self, layer):
        """Layer A. A pair that turns by w radians per token scores cos(w (distance - 1))."""
        layer.input_layernorm.weight.fill_(self.norm_weight(CONSTANT + self.n))
        attention = layer.self_attn
        half = self.head_dim // 2
        each = PREVIOUS_SHARPNESS / CONSTANT
        for projection, turned in ((attention.q_proj, True), (attention.k_proj, False)):
            projection.weight.zero_()
            for pair, turn in enumerate(self.turns):
                if turn < TURNS_FAST:
                    continue
                angle = -turn if turned else 0.0
                projection.weight[pair :: self.head_dim, :CONSTANT] = each * math.cos(angle)
                projection.weight[pair + half :: self.head_dim, :CONSTANT] = each * math.sin(angle)
        self.move_code(attention, self.previous, 1.0)

    def induction(self, layer):
        """Layer B. A token's own code asks, the code of the one before it is the key."""
        layer.input_layernorm.weight.fill_(self.norm_weight(CONSTANT + 2 * self.n))
        attention = layer.self_attn
        half = self.head_dim // 2
        attention.q_proj.weight.zero_()
        attention.k_proj.weight.zero_()
        for channel in range(self.n):
            head, within = divmod(channel, self.head_dim)
            if self.turns[within % half] > TURNS_SLOWLY:
                continue
            asks = head * self.group * self.head_dim + within
            attention.q_proj.weight[asks, self.own + channel] = INDUCTION_SHARPNESS
            attention.k_proj.weight[channel, self.previous + channel] = INDUCTION_SHARPNESS
        self.move_code(attention, self.own, COPY_WEIGHT)

    def output_norm(self, norm):
        """Makes the copied token's logit what it should be."""
        energy = CONSTANT + self.n * (1.0 + COPY_WEIGHT**2) + self.n
        norm.weight.fill_(self.norm_weight(energy) * LOGIT / (self.n * COPY_WEIGHT))


def copying_model(shape):
    """The transformers model, float32."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(20)
    config = config_of("llama", shape)
    config.rope_parameters = dict(rope_type="default", rope_theta=ROPE_THETA)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    circuit = Circuit(shape)
    layers = model.model.layers
    with torch.no_grad():
        for layer in layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.get_input_embeddings().weight.copy_(circuit.embedding(shape["vocab"]))
        # Far apart, so that no part of the layers would do for the whole.
        circuit.previous_token(layers[(len(layers) - 1) // 2])
        circuit.induction(layers[-1])
        circuit.output_norm(model.model.norm)
    return model


def task(vocabulary):
    """A prompt and how it goes on, as tokens."""
    import numpy as np

    words = np.random.default_rng(20).choice(np.arange(3, vocabulary), PASSAGE + QUESTION, False)
    quote = PASSAGE // 2
    prompt = np.concatenate([words, words[quote : quote + GIVEN]])
    return prompt, words[quote + GIVEN : quote + GIVEN + EXPECTED]


def check(name, logits, expected):
    """Greedy decoding is right if, given all that should be said, each next token is on top."""
    import numpy as np

    logits = logits[-len(expected) - 1 : -1]
    right = int((logits.argmax(1) == expected).sum())
    of_expected = logits[np.arange(len(expected)), expected]
    best_two = np.partition(logits, -2, axis=1)[:, -2:]
    others = np.where(best_two[:, 1] == of_expected, best_two[:, 0], best_two[:, 1])
    print(f"{name}: {right} of {len(expected)} tokens right, logit of the right token at least "
          f"{of_expected.min():.1f}, ahead of the next by at least "
          f"{(of_expected - others).min():.1f}", flush=True)
    return right == len(expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", type=Path, metavar="DIR", help="where to")
    parser.add_argument("--small", action="store_true", help="a small shape")
    parser.add_argument("--check", action="store_true",
                        help="also ask transformers and onnxruntime, exit 1 if one does not quote")
    options = parser.parse_args()
    import torch

    shape = SMALL if options.small else SHAPE_1B
    prompt, expected = task(shape["vocab"])
    options.dir.mkdir(parents=True, exist_ok=True)
    for name, tokens in (("prompt", prompt), ("expected", expected)):
        text = " ".join(f"w{token}" for token in tokens)
        (options.dir / f"{name}.txt").write_text(text + "\n")

    quotes = []
    model = copying_model(shape)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e9:.3f} B parameters", flush=True)
    if options.check:
        with torch.no_grad():
            said = model.generate(torch.from_numpy(prompt)[None], do_sample=False,
                                  max_new_tokens=EXPECTED)[0, len(prompt):].numpy()
        right = int((said == expected[: len(said)]).sum())
        print(f"transformers, float32, decoding: {right} of {EXPECTED} tokens right", flush=True)
        quotes.append(right == EXPECTED)
    with tempfile.TemporaryDirectory() as source:
        model.save_pretrained(source)
        del model
        word_tokenizer(shape["vocab"], source)
        export(source, options.dir / "model", ["shared_embeddings=true", "block_size=32"])
    if options.check:
        import numpy as np

        tokens = np.concatenate([prompt, expected])
        for name, level in (("int8", 4), ("float32", 0)):
            logits = logits_of(options.dir / "model", tokens, level)
            quotes.append(check(f"onnxruntime, int4, {name} activations", logits, expected))
    if not all(quotes):
        sys.exit(1)


if __name__ == "__main__":
    main()
