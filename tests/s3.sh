#!/usr/bin/env bash
# The vault in a bucket, against a real S3 server (PyPI `moto`, which runs offline once it is installed); `tests/s3.sh sweep`:
# instead a sweep whose shards put their results there, against the same sweep in a directory.
# 0: the tests passed · 77: skipped, with the reason · anything else: they failed.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "SKIPPED: $1" >&2; exit 77; }
command -v python3 >/dev/null || skip "there is no python3, which the S3 server needs"
folder="${S3_SERVER_DIR:-target/s3-server}"
if [[ ! -x "$folder/bin/moto_server" ]]; then
  python3 -m venv "$folder" || skip "python3 cannot make a virtual environment"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "moto[server,s3]==5.2.5" \
    || skip "moto cannot be installed: no network, and not in pip's cache"
fi

port="$("$folder/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$folder/bin/moto_server" -H 127.0.0.1 -p "$port" >"$folder/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  "$folder/bin/python" -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/moto-api/')" 2>/dev/null && break
  sleep 0.1
done
"$folder/bin/python" -c "
import urllib.request as r
r.urlopen(r.Request('http://127.0.0.1:$port/records', method='PUT'))
"

export AMANAH_S3_ENDPOINT="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
if [ "${1:-}" = sweep ]; then
  amanah() { cargo run --quiet --workspace --all-features --bin amanah -- "$@"; }
  sweep() { amanah sweep scenarios/sweeps/replicas-and-loss.yaml "$@"; }
  small=(--set duration=1s --set 'matrix={ledger.replicas: [4, 7], network.loss: [0%, 1%]}')
  place="s3://records/sweeps/loss?endpoint=$AMANAH_S3_ENDPOINT"
  out="$(mktemp -d)"
  trap 'kill "$server" 2>/dev/null || true; rm -rf "$out"' EXIT
  for shard in 0/2 1/2 1/2; do sweep "${small[@]}" --out "$place" --shard "$shard"; done
  sweep "${small[@]}" --out "$out/one" --quiet
  amanah merge "$place" --out "$out/merged"
  for file in results.csv results.parquet index.html; do cmp "$out/merged/$file" "$out/one/$file"; done
  kill "$server"; wait "$server" || true
  code=0
  sweep "${small[@]}" --out "$place" --shard 0/2 || code=$?
  [ "$code" = 75 ] || { echo "without a server it ends with $code, not with 75" >&2; exit 1; }
  exit 0
fi
# With the features of the whole suite, so that what it has built is used.
cargo test --workspace --all-features --lib -- --include-ignored live::vault sweep::store
