#!/usr/bin/env bash
# A release as a plain process of this host; the release is the path of a netsec program.
#
#   start NAME PORT RELEASE | stop NAME | running NAME | healthy NAME PORT | logs NAME
#
# STATE is the folder for pid and log files; the service reads NETSEC_CONFIG and its tokens from the
# environment of whoever calls.
set -euo pipefail
what="${1:?}" name="${2:?}"
: "${STATE:?the state folder}"
pid_file="$STATE/$name.pid" log="$STATE/$name.log"

# The pid and when that process began: a pid alone may be somebody else's by now.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
alive() {
    local pid since
    read -r pid since 2>/dev/null <"$pid_file" || return 1
    # Without a beginning it was dead before that could be read.
    [ -n "$pid" ] && [ -n "$since" ] && [ "$(born "$pid")" = "$since" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null
}

case "$what" in
start)
    port="${3:?}" release="${4:?}"
    setsid "$release" serve --listen "127.0.0.1:$port" </dev/null >"$log" 2>&1 &
    pid=$!
    echo "$pid $(born "$pid")" >"$pid_file"
    echo "$release" >"$STATE/$name.program"
    ;;
stop)
    alive || { rm -f "$pid_file"; exit 0; }
    read -r pid _ <"$pid_file"
    # It may end by itself in this moment.
    kill -TERM "$pid" 2>/dev/null || true
    # The service finishes what it has begun, 25 s at most.
    for _ in $(seq 300); do
        alive || { rm -f "$pid_file"; exit 0; }
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$pid_file"
    ;;
running) alive ;;
healthy) "$(cat "$STATE/$name.program")" healthcheck "127.0.0.1:${3:?}" >/dev/null 2>&1 ;;
logs) cat "$log" ;;
*) echo "runtime: unknown action $what" >&2; exit 2 ;;
esac
