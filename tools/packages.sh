# The Debian packages of the project, in one place. Sourced by ./serve and ./test.

build_packages=(
  cmake ninja-build g++ pkg-config
  libboost1.81-dev libssl-dev          # HTTP, TLS
  nlohmann-json3-dev                   # JSON
  libcli11-dev                         # command lines of the small programs
  libspdlog-dev libfmt-dev             # log, formatting
  libpcre2-dev libutf8proc-dev         # tokenizers
  libxxhash-dev                        # hashes
  libcurl4-openssl-dev                 # downloads
)
# Libraries of the finished program; tests/deploy checks that these are all.
run_packages=(
  libstdc++6 libssl3 libspdlog1.10 libfmt9 libpcre2-8-0 libutf8proc2 libxxhash0 libcurl4
)
test_packages=(
  libgtest-dev libgmock-dev clang-format curl
  libboost-context1.81-dev             # CUDA's threads as fibres
  chromium                             # the page is tested in a real browser
  libfaketime openssl                  # clocks that jump, certificates
)

# install_missing PACKAGE...: asks apt only for what is not there.
install_missing() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "Installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
}

# A tool that may also have been installed by other means: install_command COMMAND PACKAGE...
install_command() {
  local command=$1
  shift
  command -v "$command" >/dev/null || install_missing "$@"
}

# Parallel compilers: one per core, but no more than memory holds (a heavy file takes about 1.5 GB).
jobs_that_fit() {
  local by_memory cores
  by_memory=$(( $(awk '/MemAvailable/ {print $2}' /proc/meminfo) / 1500000 ))
  cores=$(nproc)
  echo $(( by_memory < 1 ? 1 : by_memory < cores ? by_memory : cores ))
}
