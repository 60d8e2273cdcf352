#!/usr/bin/env bash
# Packs the champion for a host that has no workspace: the same files give the same bytes.
#
#   deploy/pack-model.sh PLAN OUT.tar.gz        (NETSEC_CONFIG: the configuration of the workspace)
set -euo pipefail
plan="${1:?usage: deploy/pack-model.sh PLAN OUT.tar.gz}"
out="${2:?usage: deploy/pack-model.sh PLAN OUT.tar.gz}"
workspace="$(dirname "${NETSEC_CONFIG:-config.toml}")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp -R "$workspace/final_model/." "$work/"
# Another push may have come in between. Mixed files are no danger: the hashes of the manifest are
# checked where the archive is used.
if ! grep -Eq "\"plan_id\": ?\"$plan" "$work/manifest.json"; then
    echo "::error::final_model/ is no longer the model of plan $plan" >&2
    exit 1
fi
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -C "$work" -cf - . | gzip -n >"$out.new"
mv -f "$out.new" "$out"
echo "$(sha256sum "$out" | cut -d' ' -f1)  $out" >&2
