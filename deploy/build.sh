#!/usr/bin/env bash
# Builds llama-server and installs it with its demo model.
#   deploy/build.sh PREFIX [BUILD-FOLDER]     default folder: build-deploy
# The images' build stages and CI run this same script. Needs the packages of `packages.sh build`.
# LLAMA_CMAKE_OPTIONS: further options for CMake.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
prefix=${1:?usage: deploy/build.sh PREFIX [BUILD-FOLDER]}
folder=${2:-$here/build-deploy}
source "$here/tools/packages.sh"

[ -f "$folder/CMakeCache.txt" ] ||
  # shellcheck disable=SC2086: several options
  cmake -S "$here" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLLAMA_TESTS=OFF \
    ${LLAMA_CMAKE_OPTIONS:-} >/dev/null
cmake --build "$folder" --target llama-server -j "$(jobs_that_fit)"
cmake --install "$folder" --prefix "$prefix" --component server --strip
install -m 755 "$here/deploy/healthcheck.sh" "$prefix/share/llama-server/healthcheck.sh"
"$prefix/bin/llama-server" --version
