"""The network: a small Llama, whose matrices can be rounded to int4 while it trains."""

import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel

import layout

BLOCK = 32


def config(vocabulary, bos, eos):
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=layout.CONTEXT_TOKENS,
        rope_theta=10000.0,
        rms_norm_eps=1e-5,
        initializer_range=0.02,
        tie_word_embeddings=True,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=eos,
    )


def round_to_int4(weight):
    """[rows, columns] -> the same values after int4 and back.

    As onnxruntime's symmetric block quantiser does it: in each block of 32 along a row the value
    of largest magnitude becomes -8, and the others are rounded to -8..7 of the same scale.
    """
    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    index = blocks.abs().argmax(dim=-1, keepdim=True)
    scale = blocks.gather(-1, index) / -8
    inverse = torch.where(scale == 0, torch.zeros_like(scale), 1 / scale)
    return ((blocks * inverse).round().clamp(-8, 7) * scale).reshape(weight.shape)


class Int4(nn.Module):
    """Forward sees the rounded matrix, the gradient goes to the exact one."""

    def forward(self, weight):
        return weight + (round_to_int4(weight.detach()) - weight.detach())


def matrices(model):
    """(module, is embedding) for all that the export turns into int4."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            yield module, isinstance(module, nn.Embedding)


def train_rounded(model):
    for module, _ in list(matrices(model)):
        parametrize.register_parametrization(module, "weight", Int4())


def build(tokenizer):
    return LlamaModel(config(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id))


def logits(model, hidden):
    """[..., hidden] -> [..., vocabulary], through the embedding matrix."""
    return nn.functional.linear(hidden, model.embed_tokens.weight)


def for_generation(model):
    """The same weights as a `LlamaForCausalLM`, exact ones where `train_rounded` put two."""
    whole = LlamaForCausalLM(model.config)
    names = {
        name: name.replace("parametrizations.weight.original", "weight")
        for name in model.state_dict()
    }
    whole.model.load_state_dict({names[k]: v for k, v in model.state_dict().items()})
    whole.tie_weights()
    return whole.eval()
