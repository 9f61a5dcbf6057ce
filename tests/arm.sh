#!/usr/bin/env bash
# On ARM, on processors that differ in what they have, under qemu's user emulation: the kernels, the
# golden text and the agreement with onnxruntime. A test fails where a processor does not run the best
# kernel it could.
set -euo pipefail
cd "$(dirname "$0")/.."
arm64=aarch64-unknown-linux-gnu arm32=armv7-unknown-linux-gnueabihf
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=arm-linux-gnueabihf-gcc
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export CC_armv7_unknown_linux_gnueabihf=arm-linux-gnueabihf-gcc

# on PROCESSOR: which one both emulators are from here on.
on() {
  printf '\n-- %s\n' "$1"
  local emulator="static -cpu $1 -L /usr"
  export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-$emulator/aarch64-linux-gnu"
  export CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_RUNNER="qemu-arm-$emulator/arm-linux-gnueabihf"
}

for target in "$arm64" "$arm32"; do
  cargo clippy --release --locked --target "$target" -p int4-kernels --all-targets -- -D warnings
done
for processor in cortex-a7 cortex-a15; do
  on "$processor"
  cargo test --release --locked --target "$arm32" -p int4-kernels -p golden
done
for processor in cortex-a53 cortex-a72 cortex-a76 max; do
  on "$processor"
  cargo test --release --locked --target "$arm64" -p int4-kernels -p golden
done
