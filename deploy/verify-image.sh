#!/usr/bin/env bash
# Refuses an image that is not named by digest or was not built by this repository's release
# workflow.
#
#   deploy/verify-image.sh REGISTRY/REPOSITORY@sha256:...
set -euo pipefail
image="${1:?usage: deploy/verify-image.sh REGISTRY/REPOSITORY@sha256:...}"
if ! [[ "$image" =~ ^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$ ]]; then
    echo "::error::name the image by digest, REGISTRY/REPOSITORY@sha256:...; a tag can be moved" >&2
    exit 1
fi
gh attestation verify "oci://$image" --repo "${GITHUB_REPOSITORY:?}" \
    --signer-workflow "$GITHUB_REPOSITORY/.github/workflows/release.yml"
