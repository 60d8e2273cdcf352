#!/bin/sh
# The forced command of the console's account: the console in a tmux session of the person's own, so
# that a lost connection comes back to the same screen. What the client asked for
# (SSH_ORIGINAL_COMMAND) is not run.
set -eu
export NETSEC_CONFIG="${NETSEC_CONFIG:-/srv/netsec/config.toml}"
netsec="${NETSEC:-/usr/local/bin/netsec}"

if [ -n "${SSH_ORIGINAL_COMMAND:-}" ]; then
    echo "this account opens the console and runs no commands" >&2
    exit 2
fi
# Only letters a session's name may have.
who="$(printf '%s' "${USER:-operator}" | tr -c 'A-Za-z0-9_-' '_')"
if command -v tmux >/dev/null 2>&1; then
    # A server a person: panes take their environment from the server, and a server that somebody
    # else started would put that person's name into the journal. No status line, no keys that open
    # a shell.
    exec tmux -L "netsec-$who" -f /dev/null new-session -A -s console env "USER=${USER:-}" "$netsec" \; \
        set-option -g status off \; set-option -g prefix None \; unbind-key -a \; unbind-key -a -T root
fi
exec "$netsec"
