#!/usr/bin/env bash
# Runs the steps of deploy/ on this machine: install, libraries, start, health check, systemd unit.
#   steps.sh BUILD-FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
place=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$place"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

echo "== build.sh installs"
"$here/deploy/build.sh" "$place/opt" "$build" >"$place/build.log" || fail "$(tail -5 "$place/build.log")"
program=$place/opt/bin/llama-server
[ -x "$program" ] && [ -r "$place/opt/share/llama-server/demo.gguf" ] || fail "not installed"

echo "== the final stage's libraries are all, and none is there for nothing"
source "$here/tools/packages.sh"
if grep -qs 'VERSION_ID="12"' /etc/os-release && ! ldd "$program" | grep -q san; then
  # What those libraries need themselves, their packages bring.
  direct=$(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  needed=$(ldd "$program" | grep -F "$direct" | awk '$3 ~ /^\// {print $3}' | xargs -n1 readlink -f |
    { xargs dpkg -S 2>/dev/null || true; } | cut -d: -f1 | sort -u | grep -vxE 'libc6|libgcc-s1')
  listed=$(printf '%s\n' "${run_packages[@]}" | sort -u)
  [ "$needed" = "$listed" ] || fail "libraries: needed"$'\n'"$needed"$'\n'"listed"$'\n'"$listed"
fi

# answers PATH TEXT: whether the server's answer contains it. (Not `curl | grep -q`: grep leaves early,
# and curl fails now and then.)
answers() {
  local answer
  answer=$(curl -fsS "http://127.0.0.1:$port$1") && [[ $answer == *"$2"* ]]
}

# start VARIABLES... -- ARGUMENTS...: the installed program in an empty environment, until it is healthy.
port=$((20000 + RANDOM % 20000))
start() {
  local variables=()
  while [ "$1" != -- ]; do variables+=("$1"); shift; done
  shift
  (cd "$place" && exec env -i "${variables[@]}" "$program" "$@" >"$place/log" 2>&1) &
  pid=$!
  for _ in $(seq 200); do
    if env -i "${variables[@]}" bash "$place/opt/share/llama-server/healthcheck.sh" 2>/dev/null; then return; fi
    kill -0 "$pid" 2>/dev/null || fail "ended: $(cat "$place/log")"
    sleep 0.1
  done
  fail "not healthy: $(cat "$place/log")"
}
stop() {
  kill "$pid"
  wait "$pid" || fail "exit code $? after SIGTERM"
  pid=
}

echo "== as the image does: all interfaces, the demo model"
start LLAMA_ARG_HOST=0.0.0.0 LLAMA_ARG_PORT=$port -- -c 256
answers /v1/models '"demo"' || fail "no demo model"
stop
if bash "$here/deploy/healthcheck.sh" 127.0.0.1 $port 2>/dev/null; then fail "healthy without a server"; fi

echo "== as compose.yaml does: the variables of the specification, a relative model path"
mkdir "$place/models"
cp "$place/opt/share/llama-server/demo.gguf" "$place/models/my_model.gguf"
mapfile -t variables < <(sed -n 's/^ *\(LLAMA_ARG_[A-Z_]*\): */\1=/p' "$here/deploy/compose.yaml" |
  sed "s#=/models/#=models/#; s#PORT=8080#PORT=$port#")
[ ${#variables[@]} -eq 5 ] || fail "compose.yaml: ${variables[*]}"
start "${variables[@]}" --
answers /props '"total_slots":2' || fail "slots"
answers /metrics 'llamacpp:' || fail "metrics"
stop

echo "== on Vertex AI: its port wins"
start AIP_MODE=PREDICTION AIP_HTTP_PORT=$port LLAMA_ARG_HOST=0.0.0.0 LLAMA_ARG_PORT=1 -- -c 256
curl -fsS "http://127.0.0.1:$port/health" >/dev/null || fail "no server on AIP_HTTP_PORT"
stop

for file in Dockerfile Dockerfile.cuda; do
  echo "== $file"
  image=$here/deploy/$file
  for script in packages.sh build.sh healthcheck.sh; do
    grep -q "$script" "$image" || fail "$script is not used"
  done
  grep -q '^USER 10001' "$image" || fail "runs as root"
  grep -q '^ENTRYPOINT \["llama-server"\]' "$image" || fail "entry point"
  while read -r path; do
    [ -e "$here/$path" ] || fail "COPY of $path, which is not there"
  done < <(sed -n 's/^COPY \([^-. ][^ ]*\) .*/\1/p' "$image")
done
if [ -n "${LLAMA_TEST_DOCKER:-}" ]; then
  docker build -f "$here/deploy/Dockerfile" -t llama-server:test "$here"
  docker run --rm llama-server:test --version
fi

echo "== systemd unit"
if command -v systemd-analyze >/dev/null; then
  sed "s#/usr/local/bin/llama-server#$program#" "$here/deploy/llama-server.service" >"$place/llama-server.service"
  systemd-analyze verify --man=no "$place/llama-server.service" || fail "verify"
  systemd-analyze security --offline=yes --threshold=20 "$place/llama-server.service" |
    tail -1 || fail "not hardened"
fi
echo "passed"
