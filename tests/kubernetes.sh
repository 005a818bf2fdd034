#!/usr/bin/env bash
# The Kubernetes manifests against the schemas of Kubernetes (PyPI `kubernetes-validate`, offline once it is installed).
# 0: they are valid · 77: skipped, with the reason · anything else: they are not.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "SKIPPED: $1" >&2; exit 77; }
command -v python3 >/dev/null || skip "there is no python3, which the validator needs"
folder="${KUBERNETES_VALIDATE_DIR:-target/kubernetes-validate}"
if [[ ! -x "$folder/bin/kubernetes-validate" ]]; then
  python3 -m venv "$folder" || skip "python3 cannot make a virtual environment"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "kubernetes-validate==1.37.0" \
    || skip "kubernetes-validate cannot be installed: no network, and not in pip's cache"
fi
"$folder/bin/kubernetes-validate" --strict scenarios/many-machines/kubernetes-job.yaml scenarios/deploy/kubernetes.yaml
