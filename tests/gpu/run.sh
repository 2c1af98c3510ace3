#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one go: the suites of operations and of model families on
# it, memory and race checks, greedy text against the CPU's, and speed. Each part has a log of its own
# and is done whether others fail or not.
#   tests/gpu/run.sh BUILD-FOLDER LOG-FOLDER [PART...]
# Parts: ops, models, memcheck, racecheck, text, bench; all of them when none is named.
set -uo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
logs=$2
shift 2
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(ops models text bench memcheck racecheck)
mkdir -p "$logs"
logs=$(cd "$logs" && pwd)
failed=()
# Without a GPU its tests are skipped, which is no success.
"$build/bin/llama-server" --list-devices | grep CUDA0 || { "$build/bin/llama-server" --list-devices; exit 1; }

# part NAME COMMAND...: runs it if it was asked for.
part() {
  local name=$1
  shift
  [[ " ${parts[*]} " == *" $name "* ]] || return 0
  local begin=$SECONDS
  if "$@" >"$logs/$name.log" 2>&1; then
    echo "$name: passed in $((SECONDS - begin)) s"
  else
    echo "$name: FAILED ($?) after $((SECONDS - begin)) s, see $name.log"
    failed+=("$name")
  fi
}

# What runs on the GPU: tests with the parameter "cuda", not those of the CPU in its place.
ops() { "$build/bin/compute_tests" --gtest_filter='*/cuda' --gtest_brief=1; }
models() { "$build/bin/model_tests" --gtest_filter='*_on_cuda:*/cuda' --gtest_brief=1; }
sanitized() {
  compute-sanitizer --tool "$1" --error-exitcode 9 "$build/bin/compute_tests" --gtest_brief=1 \
    --gtest_filter='*Norms/cuda:*Rope*/cuda:*FeedForward*/cuda:*Mixtures*/cuda:*Later*/cuda:*Moved*/cuda'
}

# The same greedy texts from the CPU and from the GPU.
text() {
  local port=18431 place
  place=$(mktemp -d)
  for device in none CUDA0; do
    "$build/bin/llama-server" --port $port -dev $device >"$place/$device.log" 2>&1 &
    local server=$!
    for _ in $(seq 300); do curl -fs localhost:$port/health >/dev/null && break; sleep 0.1; done
    while read -r question; do
      curl -fs localhost:$port/v1/chat/completions -d "{\"temperature\": 0, \"max_tokens\": 64,
        \"messages\": [{\"role\": \"user\", \"content\": \"$question\"}]}" |
        sed 's/.*"content":"\([^"]*\)".*/\1/'
      echo
    done <"$here/tests/gpu/questions.txt" >"$place/$device.txt"
    kill $server
    wait $server
  done
  cat "$place/CUDA0.log"
  diff "$place/none.txt" "$place/CUDA0.txt"
}

bench() {
  local place status=0
  place=$(mktemp -d)
  nvidia-smi
  for type in Q4_K_M Q8_0 BF16; do
    "$build/bin/llama-random-model" --preset 8b --type $type -q -o "$place/8b-$type.gguf" &&
      "$build/bin/llama-bench" -m "$place/8b-$type.gguf" -ngl all -p 512 -n 64 -np 1,8,64 -r 3 ||
      status=1
    rm -f "$place/8b-$type.gguf"
  done
  rm -r "$place"
  return $status
}

part ops ops
part models models
part text text
part bench bench
part memcheck sanitized memcheck
part racecheck sanitized racecheck
[ ${#failed[@]} -eq 0 ]
