#!/usr/bin/env bash
# Installs Debian packages: `packages.sh build` what compiling needs, `packages.sh run` the libraries
# of the finished program; the lists are in tools/packages.sh. `packages.sh cuda` adds NVIDIA's
# repository for Debian 12 and installs what the CUDA part is compiled with.
set -euo pipefail
source "$(cd "$(dirname "$0")/.." && pwd)/tools/packages.sh"
cuda_packages=(cuda-nvcc-13-0 cuda-cudart-dev-13-0)
cuda_keyring=https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64/cuda-keyring_1.1-1_all.deb
case "${1:-}" in
  build) install_missing "${build_packages[@]}" ;;
  run) install_missing "${run_packages[@]}" ;;
  cuda)
    install_missing ca-certificates curl
    keyring=$(mktemp --suffix=.deb)
    curl -fsSL "$cuda_keyring" -o "$keyring"
    dpkg -i "$keyring" && rm "$keyring"
    install_missing "${cuda_packages[@]}"
    ;;
  *) echo "usage: deploy/packages.sh build|run|cuda" >&2; exit 2 ;;
esac
