#!/usr/bin/env bash
# Exit code 0 when the server of this container is ready. Reads the same variables as the server:
# LLAMA_ARG_HOST, LLAMA_ARG_PORT, LLAMA_ARG_API_PREFIX; on Vertex AI, AIP_HTTP_PORT.
# Arguments: [HOST [PORT]]. Needs nothing but bash. Of a server with TLS it only tells whether it
# accepts connections.
set -euo pipefail
host=${1:-${LLAMA_ARG_HOST:-127.0.0.1}}
port=${LLAMA_ARG_PORT:-8080}
[ "${AIP_MODE:-}" = PREDICTION ] && port=${AIP_HTTP_PORT:-$port}
port=${2:-$port}
case "$host" in
  0.0.0.0 | "") host=127.0.0.1 ;;
  ::) host=::1 ;;
  *.sock) [ -S "$host" ]; exit ;;
esac
exec 3<>"/dev/tcp/$host/$port"
[ -n "${LLAMA_ARG_SSL_CERT_FILE:-}" ] && exit 0
printf 'GET %s/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' \
  "${LLAMA_ARG_API_PREFIX:-}" >&3
read -r -t 5 _ status _ <&3
[ "$status" = 200 ]
