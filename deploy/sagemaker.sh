#!/usr/bin/env bash
# Puts the approved model behind a SageMaker endpoint; back to the former configuration when the new
# one does not come into service or does not answer.
#
# From the environment: IMAGE (target sagemaker, by digest), ENDPOINT, ROLE_ARN, INSTANCE_TYPE,
# BUCKET, VERSION, ARCHIVE (deploy/pack-model.sh); optional: ALARM, a CloudWatch alarm that makes
# SageMaker go back by itself; SMOKE, a CSV file to ask the new endpoint.
set -euo pipefail
fail() { echo "::error::$*" >&2; exit 1; }
for name in IMAGE ENDPOINT ROLE_ARN INSTANCE_TYPE BUCKET VERSION ARCHIVE; do
    [ -n "${!name:-}" ] || fail "$name is not set"
    [[ "${!name}" =~ ^[A-Za-z0-9_.:/@+=,-]+$ ]] || fail "$name holds characters that do not belong there"
done
[[ "$IMAGE" =~ @sha256:[0-9a-f]{64}$ ]] || fail "name the image by digest, REPOSITORY@sha256:..."
ALARM="${ALARM:-}"
[[ "$ALARM" =~ ^[A-Za-z0-9_.-]*$ ]] || fail "ALARM holds characters that do not belong there"

packed="$(sha256sum "$ARCHIVE" | cut -d' ' -f1)"
digest="${IMAGE##*sha256:}"
# The same model in the same image has the same name: a second try goes on where the first stopped.
name="netsec-$VERSION-${packed:0:12}-${digest:0:12}"
url="s3://$BUCKET/netsec/sagemaker/$packed.tar.gz"
instance="${INSTANCE_TYPE//./-}"
config="$name-$instance"

echo "deploy: $VERSION as $name" >&2
aws s3 cp --only-show-errors "$ARCHIVE" "$url"
aws sagemaker describe-model --model-name "$name" >/dev/null 2>&1 ||
    aws sagemaker create-model --model-name "$name" --execution-role-arn "$ROLE_ARN" \
        --primary-container "Image=$IMAGE,ModelDataUrl=$url" >/dev/null
aws sagemaker describe-endpoint-config --endpoint-config-name "$config" >/dev/null 2>&1 ||
    aws sagemaker create-endpoint-config --endpoint-config-name "$config" \
        --production-variants "VariantName=all,ModelName=$name,InitialInstanceCount=1,InstanceType=$INSTANCE_TYPE" >/dev/null

endpoint() { aws sagemaker describe-endpoint --endpoint-name "$ENDPOINT" --query "$1" --output text 2>/dev/null || true; }
former="$(endpoint EndpointConfigName)"
if [ "$former" = "$config" ] && [ "$(endpoint EndpointStatus)" = InService ]; then
    echo "deploy: $ENDPOINT has this configuration already" >&2
    exit 0
fi
if [ -z "$former" ] || [ "$former" = None ]; then
    former=""
    aws sagemaker create-endpoint --endpoint-name "$ENDPOINT" --endpoint-config-name "$config" >/dev/null
else
    deployment='{"BlueGreenUpdatePolicy":{"TrafficRoutingConfiguration":{"Type":"ALL_AT_ONCE","WaitIntervalInSeconds":60},"TerminationWaitInSeconds":300}'
    [ -z "$ALARM" ] || deployment="$deployment,\"AutoRollbackConfiguration\":{\"Alarms\":[{\"AlarmName\":\"$ALARM\"}]}"
    aws sagemaker update-endpoint --endpoint-name "$ENDPOINT" --endpoint-config-name "$config" \
        --deployment-config "$deployment}" >/dev/null
fi

back() {
    [ -n "$former" ] || fail "$1; there is no former configuration to go back to"
    if [ "$(endpoint EndpointConfigName)" != "$former" ]; then
        aws sagemaker update-endpoint --endpoint-name "$ENDPOINT" --endpoint-config-name "$former" >/dev/null
    fi
    aws sagemaker wait endpoint-in-service --endpoint-name "$ENDPOINT" || fail "$1; and $former does not come back either"
    fail "$1; $ENDPOINT is on $former again"
}

aws sagemaker wait endpoint-in-service --endpoint-name "$ENDPOINT" || back "$config did not come into service"
# After a rollback by the alarm the endpoint is in service, too.
[ "$(endpoint EndpointConfigName)" = "$config" ] || back "SageMaker refused $config by itself"
if [ -n "${SMOKE:-}" ]; then
    answer="$(mktemp)"
    trap 'rm -f "$answer"' EXIT
    aws sagemaker-runtime invoke-endpoint --endpoint-name "$ENDPOINT" --content-type text/csv \
        --body "fileb://$SMOKE" "$answer" >/dev/null || back "$config does not answer"
fi
echo "deploy: $ENDPOINT is in service on $config" >&2
