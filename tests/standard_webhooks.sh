#!/usr/bin/env bash
# Has the official library of Standard Webhooks verify what Gerbang sends; with `fetch` only fetches
# it, once, and says where its Python is. Where it cannot be fetched this is no failure.
set -euo pipefail
cd "$(dirname "$0")/.."

place=target/standard_webhooks
if ! [ -e "$place/ready" ]; then
    rm -rf "$place"
    if ! python3 -m venv "$place" || ! "$place/bin/pip" install --quiet standardwebhooks==1.1.0; then
        rm -rf "$place"
        echo "not run: the standardwebhooks library cannot be fetched" >&2
        exit 0
    fi
    touch "$place/ready"
fi
python="$PWD/$place/bin/python"
if [ "${1:-}" = fetch ]; then
    echo "$python"
    exit 0
fi
STANDARD_WEBHOOKS_PYTHON="$python" cargo test --test it -- webhooks::official
