#!/usr/bin/env bash
# A release as a container; the release is an image by digest.
#
#   start NAME PORT RELEASE | stop NAME | running NAME | healthy NAME PORT | logs NAME
#
# CONTAINER_TOOL     docker or podman
# NETSEC_ENV_FILE    tokens and credentials, NAME=value a line; readable by its owner only
# NETSEC_WORKSPACE   the folder with config.toml and final_model/, mounted read-only
# Secrets come from the file: an argument would stand in the process list.
set -euo pipefail
what="${1:?}" name="${2:?}"
tool="${CONTAINER_TOOL:?docker or podman}"

case "$what" in
start)
    port="${3:?}" release="${4:?}"
    env_file="${NETSEC_ENV_FILE:?the file with tokens and credentials}"
    workspace="${NETSEC_WORKSPACE:?the folder with config.toml and final_model/}"
    mode="$(stat -c %a "$env_file")"
    [[ "$mode" == ?00 ]] || { echo "runtime: $env_file can be read by others (mode $mode); chmod 600 it" >&2; exit 1; }
    "$tool" run --detach --name "$name" --restart unless-stopped \
        --publish "127.0.0.1:$port:8080" --env-file "$env_file" \
        --volume "$workspace:/srv/netsec:ro" --tmpfs /tmp \
        --read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 256 \
        "$release" >/dev/null
    ;;
stop)
    "$tool" container inspect "$name" >/dev/null 2>&1 || exit 0
    "$tool" stop --time 30 "$name" >/dev/null
    "$tool" rm "$name" >/dev/null
    ;;
running) [ "$("$tool" container inspect --format '{{.State.Running}}' "$name" 2>/dev/null)" = true ] ;;
healthy) "$tool" exec "$name" /usr/local/bin/netsec healthcheck 127.0.0.1:8080 >/dev/null 2>&1 ;;
logs) "$tool" logs "$name" 2>&1 ;;
*) echo "runtime: unknown action $what" >&2; exit 2 ;;
esac
