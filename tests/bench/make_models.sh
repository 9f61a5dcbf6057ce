#!/usr/bin/env bash
# Makes one model of random weights, in the shape of Llama 3.2 1B, for Baraza and for llama.cpp.
#
#     tests/bench/make_models.sh DIR [BARAZA]
#
# BARAZA is the binary (default: target/release/baraza). Out:
#
#     DIR/hf/        Hugging Face folder, float32, 4.9 GB; may be deleted afterwards
#     DIR/onnx/      int4 in blocks of 32, by onnxruntime-genai; may be deleted afterwards
#     DIR/pack/      the pack
#     DIR/q4_0.gguf  the same weights as GGUF, every matrix at Q4_0
#
# A finished step is not done again. The exporter needs 16 GB of memory, its Python packages 5 GB
# of disk (target/fixtures-venv).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
dir="${1:?usage: make_models.sh DIR [BARAZA]}"
baraza="${2:-$root/target/release/baraza}"
if [ ! -x "$baraza" ]; then
    echo "there is no $baraza: run cargo build --release, or name the binary" >&2
    exit 1
fi
mkdir -p "$dir"
dir="$(cd "$dir" && pwd)"

# venv NAME REQUIREMENTS: makes target/NAME if need be.
venv() {
    if [ ! -x "$root/target/$1/bin/python" ]; then python3 -m venv "$root/target/$1"; fi
    "$root/target/$1/bin/pip" install -q -r "$2"
}

if [ ! -d "$dir/onnx" ]; then
    venv fixtures-venv "$root/tests/fixtures/requirements.txt"
    rm -rf "$dir/hf" "$dir/onnx.part"
    "$root/target/fixtures-venv/bin/python" "$root/tests/fixtures/generate.py" \
        --shape-1b "$dir/onnx.part" --keep-source "$dir/hf"
    mv "$dir/onnx.part" "$dir/onnx"
fi
if [ ! -d "$dir/pack" ]; then
    "$baraza" model import "$dir/onnx" "$dir/pack"
fi
if [ ! -f "$dir/q4_0.gguf" ]; then
    venv bench-venv "$here/requirements.txt"
    "$root/target/bench-venv/bin/python" "$here/to_gguf.py" "$dir/hf" "$dir/q4_0.gguf.part"
    mv "$dir/q4_0.gguf.part" "$dir/q4_0.gguf"
fi
du -sh "$dir"/*
