#!/usr/bin/env bash
# The table in firmware/int4-kernels/src/aarch64/mod.rs, from the source as it is: how many cycles
# llvm-mca expects a block of 32 columns at 4 bits to take. A model, not a measurement.
# Needs llvm-mca (LLVM_MCA names one), c++filt and the Rust target; no processor of the kind.
set -euo pipefail
cd "$(dirname "$0")/.."
mca=${LLVM_MCA:-llvm-mca-19}
target=aarch64-unknown-linux-gnu
out=target/mca
rm -rf "$out"
cargo rustc --quiet --release --locked --target "$target" --target-dir "$out" -p int4-kernels \
  --lib -- --emit asm -C symbol-mangling-version=v0 -C debuginfo=0
# Names as in the source: without the crate's hash, and types only where they are not known.
c++filt <"$(ls "$out/$target"/release/deps/int4_kernels-*.s)" |
  sed -E 's/int4_kernels\[[0-9a-f]+\]/int4_kernels/; s/: (usize|bool)//g' >"$out/kernels.s"

# The longest straight run of instructions of a function: its loop over blocks, all unrolled.
loop() {
  awk -v name="int4_kernels::aarch64::$1:" '
    function finish() { if (n > most) { most = n; best = run } n = 0; run = "" }
    { label = $0 ~ /^[^ \t#].*:$/ }
    label && index($0, name) == 1 { inside = 1; next }
    !inside { next }
    /\.cfi_endproc/ { finish(); inside = 0; next }
    label { finish(); next }
    { sub(/\/\/.*/, "") }
    /^[ \t]*(\.|$)/ { next }
    { run = run $0 "\n"; n++ }
    /^[ \t]*(b|b\..*|cbn?z|tbn?z|ret)[ \t]/ { finish() }
    END { printf "%s", best }
  ' "$out/kernels.s"
}

# row KERNEL PROCESSOR FUNCTION WALKS TOKENS: a block of 288 bytes and 512 weights takes so many
# walks to meet all tokens of the tile.
row() {
  loop "$3" >"$out/loop.s"
  [ -s "$out/loop.s" ] || { echo "no loop in $3" >&2; exit 1; }
  "$mca" -mtriple=aarch64 -mattr=+dotprod,+i8mm -mcpu="$2" -iterations=200 "$out/loop.s" |
    awk -v kernel="$1" -v processor="$2" -v walks="$4" -v tokens="$5" '/^Total Cycles:/ {
      cycles = $3 / 200 * walks
      printf "%-12s  %-11s  %d tokens: %4d cycles a block, ", kernel, processor, tokens, cycles + 0.5
      printf "%.1f bytes of weights and %.1f products a cycle\n", 288 / cycles, 512 * tokens / cycles
    }'
}

"$mca" --version | grep -i "llvm version"
for processor in cortex-a53 cortex-a72; do
  row neon "$processor" "neon::walk::<1, 4, 4, 32, false>" 1 1
  row neon "$processor" "neon::walk::<4, 2, 4, 32, false>" 4 8
done
# LLVM takes Cortex-A76 for a Cortex-A57; Neoverse N1 is its sister, with a model of its own.
for processor in cortex-a55 neoverse-n1; do
  row neon-dotprod "$processor" "dotprod::walk::<1, 4, 32, false>" 1 1
  row neon-dotprod "$processor" "dotprod::walk::<4, 4, 32, false>" 2 8
done
# Cortex-A710's sister.
row neon-i8mm neoverse-n2 "i8mm::walk::<4, 2, 4, 32, false>" 2 8
