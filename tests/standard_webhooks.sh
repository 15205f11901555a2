#!/usr/bin/env bash
# Has the official library of Standard Webhooks verify what Gerbang sends. Where it cannot be
# fetched this says so and is no failure.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
if ! python3 -m venv "$place" || ! "$place/bin/pip" install --quiet standardwebhooks==1.1.0; then
    echo "SKIPPED: the standardwebhooks library cannot be fetched" >&2
    exit 0
fi
STANDARD_WEBHOOKS_PYTHON="$place/bin/python" \
    cargo test --test it -- webhooks::official --nocapture
