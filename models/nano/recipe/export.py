"""Turn a checkpoint into the int4 ONNX folder that `baraza model import` reads.

python export.py polish
"""

import argparse
import json
import shutil
import subprocess
import sys

import torch
from transformers import AutoTokenizer, GenerationConfig

import layout
import model as network

NOTICE = (
    "This is a small demonstration model. "
    "It is not advice: check every answer with a trained person."
)
ABOUT = {"name": "baraza-nano", "notice": NOTICE, "licence": "Apache-2.0 OR MIT"}


def save_hugging_face(stage, folder):
    tokenizer = AutoTokenizer.from_pretrained(layout.WORK / "tokenizer")
    model = network.build(tokenizer)
    model.load_state_dict(torch.load(layout.WORK / f"{stage}.pt"))
    whole = network.for_generation(model)
    whole.generation_config = GenerationConfig(
        do_sample=False,
        max_length=layout.CONTEXT_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    whole.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def build_onnx(source, destination):
    builder = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
    places = ["-i", source, "-o", destination, "-c", layout.WORK / "cache"]
    kind = ["-p", "int4", "-e", "cpu", "--extra_options"]
    options = [
        "int4_block_size=32",
        "int4_accuracy_level=4",
        "int4_is_symmetric=true",
        "int4_op_types_to_quantize=MatMul/Gather",
        "shared_embeddings=true",
        "hf_token=false",
    ]
    subprocess.run([*builder, *map(str, places), *kind, *options], check=True)


def tidy(folder):
    """Leave out of the configuration what belongs to this machine, and add who the model is."""
    (folder / "baraza.json").write_text(json.dumps(ABOUT, indent=2) + "\n")
    for path in folder.glob("*.json"):
        text = path.read_text()
        assert (
            str(layout.RECIPE.parents[2]) not in text
        ), f"{path.name} names a folder of this machine"


def run(stage):
    source = layout.WORK / "hugging-face"
    for folder in (source, layout.ONNX):
        shutil.rmtree(folder, ignore_errors=True)
    save_hugging_face(stage, source)
    build_onnx(source, layout.ONNX)
    tidy(layout.ONNX)
    total = sum(path.stat().st_size for path in layout.ONNX.iterdir())
    print(f"{layout.ONNX}: {total / 1e6:.2f} MB")


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("stage", help="checkpoint to export: copy, read, settle or polish")
    run(options.parse_args().stage)
