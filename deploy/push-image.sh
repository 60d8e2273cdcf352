#!/usr/bin/env bash
# Pushes an OCI archive to ECR, byte for byte, tagged with the commit; prints name and digest.
#
#   ARCHIVE     the archive
#   LOGGED_IN   the registry that the login gave
#   REPOSITORY  the repository's name (ECR_REPOSITORY_NAME)
#   TARGET      serve or sagemaker
#   GITHUB_SHA  the commit
#   AWS_ECR_LOGIN_URI  optional; must then name the same registry
set -euo pipefail
fail() { echo "::error::$*" >&2; exit 1; }
: "${ARCHIVE:?}" "${LOGGED_IN:?}" "${TARGET:?}" "${GITHUB_SHA:?}"
repository="${REPOSITORY:-}"
[ -n "$repository" ] || fail "ECR_REPOSITORY_NAME is set neither as a variable nor as a secret"

# Some set-ups store the registry, some registry/repository, some with https://.
named="${AWS_ECR_LOGIN_URI:-}"
named="${named#https://}"
named="${named%%/*}"
if [ -n "$named" ] && [ "$named" != "$LOGGED_IN" ]; then
    fail "AWS_ECR_LOGIN_URI names another registry than the account that was logged in to"
fi

case "$TARGET" in
serve) tag="git-$GITHUB_SHA" ;;
*) tag="git-$GITHUB_SHA-$TARGET" ;;
esac
name="$LOGGED_IN/$repository"
digest_file="$(mktemp)"
trap 'rm -f "$digest_file"' EXIT

# A tag that is there stays what it is: it may be deployed already.
there="$(aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$tag" \
    --query 'imageDetails[0].imageDigest' --output text 2>/dev/null || true)"
if [ -n "$there" ] && [ "$there" != None ]; then
    ours="$(skopeo inspect --format '{{.Digest}}' "oci-archive:$ARCHIVE")"
    [ "$there" = "$ours" ] || fail "$tag is in the repository already, with other bytes ($there); release a new commit"
    echo "$there" >"$digest_file"
else
    skopeo copy --preserve-digests --digestfile "$digest_file" "oci-archive:$ARCHIVE" "docker://$name:$tag" >&2
fi
digest="$(cat "$digest_file")"
[[ "$digest" =~ ^sha256:[0-9a-f]{64}$ ]] || fail "the push gave no digest"
{
    echo "name=$name"
    echo "digest=$digest"
} >>"${GITHUB_OUTPUT:-/dev/stdout}"
