#!/bin/sh
# fuzz/run.sh [SECONDS] [TARGET...]: builds the fuzz targets with Clang, ASan and UBSan into
# build-fuzz, runs each (or those that are named) for so many seconds (60) and says how often it
# ran. An input that crashes, takes longer than 10 seconds or more than 2 GB fails the run and stays
# in build-fuzz/found. JOBS and CXX are taken from the environment.
set -eu
cd "$(dirname "$0")/.."
seconds=60
case ${1:-} in
  *[!0-9]* | '') ;;
  *) seconds=$1; shift ;;
esac
known=$(sed -n 's/^fuzz_target(\([a-z_]*\) .*/\1/p' fuzz/CMakeLists.txt)
[ $# -gt 0 ] || set -- $known
for target; do
  echo "$known" | grep -qx "$target" || { echo "fuzz/run.sh: no target '$target'; there are:" $known >&2; exit 2; }
done

mkdir -p build-fuzz
cmake -S . -B build-fuzz -G Ninja -DCMAKE_CXX_COMPILER="${CXX:-clang++}" \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DLLAMA_FUZZ=ON -DLLAMA_TESTS=OFF \
  -DLLAMA_SANITIZE=address,undefined > build-fuzz/configure.log 2>&1 || { cat build-fuzz/configure.log >&2; exit 1; }
cmake --build build-fuzz -j"${JOBS:-$(nproc)}" --target $(printf 'fuzz_%s ' "$@")

# What is found stays out of the repository: new inputs in build-fuzz/corpus, failures in found.
mkdir -p build-fuzz/found
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
failed=
for target; do
  mkdir -p "build-fuzz/corpus/$target"
  log=build-fuzz/found/$target.log
  status=0
  "build-fuzz/bin/fuzz_$target" "build-fuzz/corpus/$target" "fuzz/corpus/$target" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/found/$target-" > "$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
  if [ $status -eq 0 ]; then
    printf '%-14s %10s runs, %5s MB at most\n' "$target" "$runs" "$memory"
  else
    printf '%-14s FAILED (%s runs): %s\n' "$target" "${runs:-?}" \
      "$(grep -m1 -E 'SUMMARY|runtime error' "$log" || echo "see $log")"
    failed="$failed $target"
  fi
done
[ -z "$failed" ] || { echo "inputs and logs are in build-fuzz/found:$failed" >&2; exit 1; }
