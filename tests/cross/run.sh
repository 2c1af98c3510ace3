#!/usr/bin/env bash
# Builds the kernels for ARM and runs their tests in an emulator (Debian: g++-aarch64-linux-gnu,
# qemu-user-static). Ends with 77 where these are not installed.
#   run.sh BUILD-FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1/aarch64
for tool in aarch64-linux-gnu-g++ qemu-aarch64-static; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done

mkdir -p "$build/headers"
for library in fmt spdlog gtest gmock nlohmann; do
  ln -sfn "/usr/include/$library" "$build/headers/$library"
done
cmake -S "$here" -B "$build" -G Ninja -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DHEADERS="$build/headers" >/dev/null
cmake --build "$build" -j 2
# The best kernels that a processor with dot products has, then a processor without them.
qemu-aarch64-static -cpu max "$build/compute_tests" --gtest_brief=1 --gtest_filter='-*ThreadPool*:*portable*'
qemu-aarch64-static -cpu cortex-a57 "$build/compute_tests" --gtest_brief=1 --gtest_filter='*portable*'
