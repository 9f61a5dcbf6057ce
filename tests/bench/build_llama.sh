#!/usr/bin/env bash
# Builds llama.cpp, as vendored in the source package of llama-cpp-python, for this processor.
#
#     tests/bench/build_llama.sh [DIR]       (default: target/bench/llama)
#
# In: nothing but the package index that pip is set up with. Out: DIR/bin/llama-bench,
# DIR/bin/llama-batched-bench, DIR/bin/llama-quantize and their libraries; DIR/flags.txt says how
# they were built. JOBS sets the number of compilers (default 2). Safe to run again.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
dir="${1:-$root/target/bench/llama}"
mkdir -p "$dir"
dir="$(cd "$dir" && pwd)"

version=0.3.36
sdist="$dir/llama_cpp_python-$version.tar.gz"
sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e

if [ ! -f "$sdist" ]; then
    venv="$root/target/bench-venv"
    if [ ! -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
    # pip wants the metadata and fetches the build backend for it; nothing is compiled here.
    "$venv/bin/pip" download -q --no-deps --no-binary llama-cpp-python -d "$dir" \
        "llama-cpp-python==$version"
fi
echo "$sha256  $sdist" | sha256sum --check --quiet

source="$dir/source"
if [ ! -d "$source" ]; then
    mkdir -p "$source.part"
    tar -xzf "$sdist" -C "$source.part" --strip-components=3 \
        "llama_cpp_python-$version/vendor/llama.cpp"
    mv "$source.part" "$source"
fi

# GGML_NATIVE would take AMX, which some virtual machines show without having enabled it; so x86
# gets what /proc/cpuinfo names, without AMX. Elsewhere the compiler's idea of native is right.
flags=()
if [ "$(uname -m)" = x86_64 ]; then
    flags+=(-DGGML_NATIVE=OFF)
    cpu=" $(sed -n '/^flags/{s/^[^:]*://p;q}' /proc/cpuinfo) "
    has() { case "$cpu" in *" $1 "*) echo ON ;; *) echo OFF ;; esac; }
    flags+=(
        "-DGGML_SSE42=$(has sse4_2)" "-DGGML_AVX=$(has avx)" "-DGGML_AVX2=$(has avx2)"
        "-DGGML_FMA=$(has fma)" "-DGGML_F16C=$(has f16c)" "-DGGML_BMI2=$(has bmi2)"
        "-DGGML_AVX_VNNI=$(has avx_vnni)" "-DGGML_AVX512=$(has avx512vl)"
        "-DGGML_AVX512_VBMI=$(has avx512vbmi)" "-DGGML_AVX512_VNNI=$(has avx512_vnni)"
        "-DGGML_AVX512_BF16=$(has avx512_bf16)"
    )
fi
# Everything else as llama.cpp sets it (OpenMP, repacking), without what needs the network.
flags+=(
    -DCMAKE_BUILD_TYPE=Release -DLLAMA_OPENSSL=OFF -DLLAMA_USE_PREBUILT_UI=OFF
    -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
    -DLLAMA_BUILD_APP=OFF
)
printf '%s\n' "llama-cpp-python $version" "${flags[@]}" > "$dir/flags.txt"

cmake -S "$source" -B "$dir" "${flags[@]}"
cmake --build "$dir" --parallel "${JOBS:-2}" \
    --target llama-bench llama-batched-bench llama-quantize
echo "built: $dir/bin"
