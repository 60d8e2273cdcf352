#!/usr/bin/env bash
# Puts a new release of the scoring service in place on one host, or the former one back.
#
#   deploy/switch.sh deploy   --state DIR --runtime RUNTIME --release REF [options]
#   deploy/switch.sh rollback --state DIR --runtime RUNTIME [options]
#   deploy/switch.sh status   --state DIR
#
# Two slots, blue and green, a port each. A deployment starts the new release in the slot that takes
# no traffic, waits until it is healthy, optionally asks it something, then switches, and leaves the
# former release running: a rollback is a switch back. Whatever goes wrong before the switch leaves
# the old release untouched and ends non-zero.
#
#   --state DIR       what is in which slot; `active` names the slot that takes the traffic
#   --runtime RUNTIME docker, podman or process (deploy/runtimes/), or a path to one's own
#   --release REF     an image by digest (docker, podman) or a program's path (process)
#   --ports A,B       ports of the two slots (default 8081,8082), on loopback
#   --within SECONDS  how long the new release may take to become healthy (default 60)
#   --smoke COMMAND   run with the new port in $PORT before the switch; must succeed
#   --reload COMMAND  run after the switch with the port in $PORT: tells the front, for example
#                     `nginx -s reload`; DIR/upstream.conf is then already written. When it fails,
#                     everything is put back.
set -euo pipefail

fail() { echo "deploy: $*" >&2; exit 1; }
say() { echo "deploy: $*" >&2; }

here="$(cd "$(dirname "$0")" && pwd)"
action="${1:-}"
[ $# -eq 0 ] || shift
state="" runtime="" release="" ports="8081,8082" within=60 smoke="" reload=""
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case "$1" in
    --state) state="$2" ;;
    --runtime) runtime="$2" ;;
    --release) release="$2" ;;
    --ports) ports="$2" ;;
    --within) within="$2" ;;
    --smoke) smoke="$2" ;;
    --reload) reload="$2" ;;
    *) fail "unknown option $1" ;;
    esac
    shift 2
done
[ -n "$state" ] || fail "--state is missing"
[[ "$ports" =~ ^[0-9]+,[0-9]+$ ]] || fail "--ports takes two numbers, 8081,8082"
[[ "$within" =~ ^[0-9]+$ ]] || fail "--within takes whole seconds"

case "$runtime" in
docker | podman) export CONTAINER_TOOL="$runtime"; driver="$here/runtimes/container.sh" ;;
process) driver="$here/runtimes/process.sh" ;;
*) driver="$runtime" ;;
esac

# What runs in a slot keeps the port it was started with, whatever --ports says later.
port_of() { cat "$state/$1.port" 2>/dev/null || case "$1" in blue) echo "${ports%,*}" ;; green) echo "${ports#*,}" ;; esac; }
other_of() { case "$1" in blue) echo green ;; *) echo blue ;; esac; }
active() { cat "$state/active" 2>/dev/null || true; }
release_of() { cat "$state/$1.release" 2>/dev/null || true; }
# Written aside and renamed: a reader never sees half of it.
write() { printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"; }
# Without the lock's descriptor: a service that kept it open would keep the lock.
run() { "$driver" "$@" 9>&-; }

# Sends the traffic to a slot, or nothing changes.
switch_to() {
    local slot="$1" before port
    before="$(active)"
    port="$(port_of "$slot")"
    write "$state/upstream.conf" "server 127.0.0.1:$port;"
    write "$state/active" "$slot"
    if [ -n "$reload" ] && ! PORT="$port" bash -c "$reload" 9>&-; then
        say "the reload failed; putting everything back"
        if [ -n "$before" ]; then
            write "$state/upstream.conf" "server 127.0.0.1:$(port_of "$before");"
            write "$state/active" "$before"
            PORT="$(port_of "$before")" bash -c "$reload" 9>&- || say "the reload of the former release failed too"
        else
            rm -f "$state/active" "$state/upstream.conf"
        fi
        return 1
    fi
}

# Waits until the slot is healthy; ends early when it has died.
wait_healthy() {
    local slot="$1" port end
    port="$(port_of "$slot")"
    end=$((SECONDS + within))
    while :; do
        # First asked whether it lives: another program on its port must not answer for it.
        run running "netsec-$slot" || { say "the release in $slot has ended"; return 1; }
        if run healthy "netsec-$slot" "$port"; then return 0; fi
        [ "$SECONDS" -lt "$end" ] || { say "not healthy within $within s"; return 1; }
        sleep 0.2
    done
}

deploy() {
    [ -n "$release" ] || fail "--release is missing"
    if [ "$runtime" = docker ] || [ "$runtime" = podman ]; then
        # A tag can be moved between the scan and now; a digest cannot.
        [[ "$release" =~ @sha256:[0-9a-f]{64}$ ]] || fail "name the image by digest, REPOSITORY@sha256:...; got $release"
    fi
    local old new port
    old="$(active)"
    new="$(other_of "${old:-green}")"
    rm -f "$state/$new.port"
    port="$(port_of "$new")"
    [ "$port" != "$(port_of "${old:-$(other_of "$new")}")" ] || fail "port $port is taken by $old"
    say "starting $release in $new (port $port); ${old:-nothing} takes the traffic"
    run stop "netsec-$new"
    rm -f "$state/$new.release"
    write "$state/$new.port" "$port"
    if ! run start "netsec-$new" "$port" "$release" || ! wait_healthy "$new"; then
        give_up "$new" "${old:-nothing}" "$release did not become healthy"
    fi
    if [ -n "$smoke" ] && ! PORT="$port" bash -c "$smoke" 9>&-; then
        give_up "$new" "${old:-nothing}" "the smoke test of $release failed"
    fi
    write "$state/$new.release" "$release"
    switch_to "$new" || give_up "$new" "${old:-nothing}" "the switch to $release failed"
    say "$new takes the traffic; ${old:-nothing} is kept for a rollback"
}

give_up() {
    say "the last lines of the new release:"
    run logs "netsec-$1" | tail -20 >&2 || true
    run stop "netsec-$1" || true
    rm -f "$state/$1.release" "$state/$1.port"
    fail "$3; $2 still takes the traffic"
}

rollback() {
    local now before was
    now="$(active)"
    [ -n "$now" ] || fail "nothing was deployed here"
    before="$(other_of "$now")"
    was="$(release_of "$before")"
    [ -n "$was" ] || fail "there is no former release to go back to; $now stays"
    if ! run running "netsec-$before"; then
        say "the former release is not running; starting $was again"
        run stop "netsec-$before"
        run start "netsec-$before" "$(port_of "$before")" "$was" || fail "$was does not start; $now stays"
    fi
    wait_healthy "$before" || fail "$was is not healthy; $now stays"
    switch_to "$before" || fail "the switch failed; $now stays"
    say "$before ($was) takes the traffic again; $now is kept"
}

status() {
    local slot
    for slot in blue green; do
        if [ -n "$(release_of "$slot")" ]; then
            echo "$slot $(port_of "$slot") $(release_of "$slot")$([ "$(active)" != "$slot" ] || echo ' active')"
        fi
    done
}

case "$action" in
deploy | rollback)
    [ -x "$driver" ] || fail "no such runtime: ${runtime:-(none given)}"
    mkdir -p "$state"
    export STATE="$state"
    # Two deployments at once would start each other's slot.
    exec 9>"$state/lock"
    flock -n 9 || fail "another deployment is at work here"
    "$action"
    ;;
status) status ;;
*) fail "what to do: deploy, rollback or status" ;;
esac
