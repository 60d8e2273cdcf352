#!/usr/bin/env bash
# Refuses to go on unless the journal's chain is whole, the plan was approved as the policy asks, and
# exactly that model is in production here. Ends with netsec's own exit code.
#
#   deploy/verify-approval.sh PLAN        (NETSEC_CONFIG: the configuration of the workspace)
set -euo pipefail
plan="${1:?usage: deploy/verify-approval.sh PLAN}"
netsec="${NETSEC:-netsec}"
found="$("$netsec" journal verify --plan "$plan" --json)" || {
    code=$?
    echo "::error::plan $plan is not approved and in production on this host; nothing is deployed" >&2
    exit "$code"
}
field() { printf '%s\n' "$found" | sed -n "s/.*\"$1\":\"\([A-Za-z0-9._-]*\)\".*/\1/p"; }
version="$(field version)" model="$(field model_sha256)"
[ -n "$version" ] && [ -n "$model" ] || { echo "::error::netsec named no version" >&2; exit 1; }
echo "plan $plan is $version, model sha256 $model" >&2
{
    echo "version=$version"
    echo "model_sha256=$model"
} >>"${GITHUB_OUTPUT:-/dev/stdout}"
