#!/bin/sh
# Deploys the model of a fine-tuning job that has succeeded. For a notifier of type exec with
# events = {"job.succeeded"}; needs curl and jq.
#
# tunewatch calls a hook at least once for each event, always with the same TUNEWATCH_EVENT_ID, and
# again after exit 75. So the deployment's id is made from the event's: a second call finds the
# deployment of the first and is done.
#
# From tunewatch: TUNEWATCH_EVENT_ID, TUNEWATCH_ACCOUNT, TUNEWATCH_OUTPUT_MODEL.
# To be set here, or in a file that DEPLOY_ENV names:
#   DEPLOY_KEY_FILE   a file with an API key that may deploy; hooks never get tunewatch's own
#   DEPLOY_API_URL    default https://api.fireworks.ai
#   DEPLOY_SHAPE      a deploymentShape, where the default does not fit
set -eu

readonly OK=0 RETRY=75 GIVE_UP=1

say() {
	printf 'deploy-hook: %s\n' "$*" >&2
}

env_file=${DEPLOY_ENV:-/etc/tunewatch/deploy.env}
if [ -r "$env_file" ]; then
	# shellcheck source=/dev/null
	. "$env_file"
fi
: "${TUNEWATCH_EVENT_ID:?is set by tunewatch}"
: "${TUNEWATCH_ACCOUNT:?is set by tunewatch}"
key_file=${DEPLOY_KEY_FILE:-/etc/tunewatch/deploy.key}
api=${DEPLOY_API_URL:-https://api.fireworks.ai}

if [ -z "${TUNEWATCH_OUTPUT_MODEL:-}" ]; then
	say "the job names no output model"
	exit $GIVE_UP
fi
if [ ! -r "$key_file" ]; then
	say "cannot read the key file $key_file"
	exit $GIVE_UP
fi

work=$(mktemp -d) || exit $RETRY
trap 'rm -rf "$work"' EXIT

# The key goes to curl in a file: arguments can be seen by every user.
(umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$(tr -d '[:space:]' <"$key_file")" \
	>"$work/auth")

# 1 to 63 of a-z, 0-9 and '-'
id=$(printf '%s' "tw-$TUNEWATCH_EVENT_ID" | tr 'A-Z_' 'a-z-' | cut -c1-63)

jq -n --arg model "$TUNEWATCH_OUTPUT_MODEL" --arg event "$TUNEWATCH_EVENT_ID" \
	--arg shape "${DEPLOY_SHAPE:-}" \
	'{baseModel: $model, displayName: "tunewatch \($event)"}
	 + (if $shape == "" then {} else {deploymentShape: $shape} end)' >"$work/request"

if ! status=$(curl --silent --show-error --config "$work/auth" --max-time 60 \
	--output "$work/answer" --write-out '%{http_code}' \
	--header 'Content-Type: application/json' --data-binary "@$work/request" \
	"$api/v1/accounts/$TUNEWATCH_ACCOUNT/deployments?deploymentId=$id"); then
	say "no answer from $api"
	exit $RETRY
fi

case $status in
2??)
	say "deployment $id of $TUNEWATCH_OUTPUT_MODEL is being made"
	exit $OK
	;;
409)
	say "deployment $id is there already"
	exit $OK
	;;
408 | 425 | 429 | 5??)
	say "the API said $status; to be tried again"
	exit $RETRY
	;;
*)
	say "the API said $status: $(jq -r '.message? // .error.message? // "no reason given"' \
		"$work/answer" 2>/dev/null || echo 'no reason given')"
	exit $GIVE_UP
	;;
esac
