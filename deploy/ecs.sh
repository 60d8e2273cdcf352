#!/usr/bin/env bash
# A new task definition for the service, with the circuit breaker on, and waits until it is stable.
# Fails when ECS went back to the former one by itself.
#
# From the environment: IMAGE (by digest), CLUSTER, SERVICE, BUCKET, VERSION, AWS_REGION,
# TASK_ROLE_ARN, EXECUTION_ROLE_ARN, TOKENS_SECRET_ARN (the secret that holds NETSEC_SERVE_TOKENS).
set -euo pipefail
fail() { echo "::error::$*" >&2; exit 1; }
here="$(cd "$(dirname "$0")" && pwd)"
for name in IMAGE CLUSTER SERVICE BUCKET VERSION AWS_REGION TASK_ROLE_ARN EXECUTION_ROLE_ARN TOKENS_SECRET_ARN; do
    [ -n "${!name:-}" ] || fail "$name is not set"
    # They go into a JSON document as they are.
    [[ "${!name}" =~ ^[A-Za-z0-9_.:/@+=,-]+$ ]] || fail "$name holds characters that do not belong there"
done
[[ "$IMAGE" =~ @sha256:[0-9a-f]{64}$ ]] || fail "name the image by digest, REPOSITORY@sha256:..."

definition="$(cat "$here/ecs/task-definition.json")"
for name in IMAGE BUCKET VERSION AWS_REGION TASK_ROLE_ARN EXECUTION_ROLE_ARN TOKENS_SECRET_ARN; do
    definition="${definition//"\${$name}"/${!name}}"
done
file="$(mktemp)"
trap 'rm -f "$file"' EXIT
printf '%s\n' "$definition" >"$file"

service() { aws ecs describe-services --cluster "$CLUSTER" --services "$SERVICE" --query "$1" --output text; }
before="$(service 'services[0].taskDefinition')"
[ -n "$before" ] && [ "$before" != None ] || fail "there is no service $SERVICE in $CLUSTER"
new="$(aws ecs register-task-definition --cli-input-json "file://$file" --query taskDefinition.taskDefinitionArn --output text)"
echo "deploy: from $before to $new" >&2
aws ecs update-service --cluster "$CLUSTER" --service "$SERVICE" --task-definition "$new" \
    --deployment-configuration 'deploymentCircuitBreaker={enable=true,rollback=true},maximumPercent=200,minimumHealthyPercent=100' \
    --query service.serviceName --output text >/dev/null
aws ecs wait services-stable --cluster "$CLUSTER" --services "$SERVICE" || fail "$SERVICE is not stable; ECS goes back to $before by itself"
# A rollback by the circuit breaker is stable, too.
now="$(service "services[0].deployments[?status=='PRIMARY'].taskDefinition | [0]")"
[ "$now" = "$new" ] || fail "the circuit breaker went back to $now"
echo "deploy: $SERVICE is stable on $new" >&2
