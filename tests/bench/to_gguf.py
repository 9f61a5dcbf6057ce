#!/usr/bin/env python3
"""Writes a Hugging Face folder of the Llama family as GGUF with every matrix at Q4_0.

    python to_gguf.py HF_DIR FILE.gguf

In: config.json and *.safetensors (float32 or float16, without rope scaling). Out: one GGUF file of
architecture `llama`; matrices, the embedding among them, are Q4_0 (blocks of 32, 4.5 bits a
weight), vectors float32. Tied embeddings stay one tensor, as in the pack.

The vocabulary is made-up words, as `generate.py` has them: enough for llama-bench, which feeds
token numbers, and as much to load as a real one of the same size.
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors import safe_open


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Orders the rows of a q or k matrix [heads * head_dim, hidden] for llama.cpp.

    Hugging Face rotates element i of a head with element i + head_dim / 2, llama.cpp rotates
    neighbours.
    """
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def add_metadata(writer: gguf.GGUFWriter, config: dict) -> None:
    """Shapes and constants of the model."""
    rope = config.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default":
        raise SystemExit(f"rope scaling {rope['rope_type']} is not written: use a model without")
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_name("random weights")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(rope.get("rope_theta") or config.get("rope_theta", 10000.0))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def add_words(writer: gguf.GGUFWriter, vocabulary: int) -> None:
    """A vocabulary of this many made-up words; the first three are unknown, start and end."""
    special = ["<unk>", "<s>", "</s>"]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    words = special + [f"w{i}" for i in range(len(special), vocabulary)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([-float(i) for i in range(vocabulary)])
    writer.add_token_types(kinds + [gguf.TokenType.NORMAL] * (vocabulary - len(kinds)))
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def add_tensors(writer: gguf.GGUFWriter, source: Path, config: dict) -> None:
    """All weights, matrices at Q4_0."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for path in sorted(source.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as tensors:
            for name in tensors.keys():
                if name == "lm_head.weight" and config["tie_word_embeddings"]:
                    continue
                weight = tensors.get_tensor(name).astype(np.float32)
                for projection, count in heads.items():
                    if f"{projection}.weight" in name:
                        weight = interleaved(weight, count)
                kind = Type.Q4_0 if weight.ndim == 2 else Type.F32
                data = gguf.quants.quantize(weight, kind)
                writer.add_tensor(names.get_name(name, (".weight",)), data, raw_dtype=kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="HF_DIR")
    parser.add_argument("dest", type=Path, metavar="FILE.gguf")
    options = parser.parse_args()
    config = json.loads((options.source / "config.json").read_text())
    writer = gguf.GGUFWriter(options.dest, "llama")
    add_metadata(writer, config)
    add_words(writer, config["vocab_size"])
    add_tensors(writer, options.source, config)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
