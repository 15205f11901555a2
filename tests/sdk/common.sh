# What the scripts beside this one share; sourced.

scratch=$(mktemp -d)
started=()
stop() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    wait
    rm -rf "$scratch"
}
trap stop EXIT

# Says that a judge does not judge, here and in CI's list.
not_run() {
    echo "not run: $1"
    [ -z "${NOT_RUN:-}" ] || printf 'tests/sdk: not run: %s\n' "$1" >>"$NOT_RUN"
}

# The binary, built.
built() {
    cargo build --quiet --bin gerbang
    echo "$(cargo metadata --format-version 1 --no-deps |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/gerbang"
}

# Waits for the word of the process that writes this file, and gives its address.
ready() {
    until grep -q ready "$1"; do
        kill -0 "$2" || { echo "$1 did not come to be ready" >&2; exit 1; }
        read -rt 0.1 <> <(:) || true
    done
    echo "http://$(grep -o '127[0-9.]*:[0-9]*' "$1" | head -n 1)"
}

# A port that was free a moment ago, for what has to know its address before it listens.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
