#!/usr/bin/env bash
# Says which AWS credentials a workflow uses: kind=role where AWS_ROLE_ARN is set, kind=keys with a
# warning where only the two keys are. Prints no value.
set -euo pipefail
out="${GITHUB_OUTPUT:-/dev/stdout}"
if [ -z "${AWS_REGION:-}" ]; then
    echo "::error::AWS_REGION is set neither as a variable nor as a secret"
    exit 1
fi
if [ -n "${AWS_ROLE_ARN:-}" ]; then
    echo "kind=role" >>"$out"
elif [ -n "${AWS_ACCESS_KEY_ID:-}" ] && [ -n "${AWS_SECRET_ACCESS_KEY:-}" ]; then
    echo "::warning::long-lived AWS keys are in use; set the variable AWS_ROLE_ARN to use a role (OIDC) instead"
    echo "kind=keys" >>"$out"
else
    echo "::error::no AWS credentials: set the variable AWS_ROLE_ARN, or the secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    exit 1
fi
