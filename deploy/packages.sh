#!/usr/bin/env bash
# Installs Debian packages: `packages.sh build` what compiling needs, `packages.sh run` the libraries
# of the finished program. The lists are in tools/packages.sh.
set -euo pipefail
source "$(cd "$(dirname "$0")/.." && pwd)/tools/packages.sh"
case "${1:-}" in
  build) install_missing "${build_packages[@]}" ;;
  run) install_missing "${run_packages[@]}" ;;
  *) echo "usage: deploy/packages.sh build|run" >&2; exit 2 ;;
esac
