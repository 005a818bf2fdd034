#!/usr/bin/env bash
# The vault in a bucket, against a real S3 server (PyPI `moto`, which runs offline once it is installed).
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
# With the features of the whole suite, so that what it has built is used.
cargo test --workspace --all-features --lib -- --include-ignored live::vault
