#!/bin/sh
# Deploys the model of a fine-tuning job that has succeeded: a notifier of type exec with
# events = {"job.succeeded"}. Needs curl and jq.
#
#   usage: deploy-hook.sh [SETTINGS]
#
# tunewatch runs a hook at least once for each event, always with the same TUNEWATCH_EVENT_ID: again
# after exit 75, and after a crash, perhaps beside the run from before it. So the deployment's id is
# made from the event's. The API makes one deployment of an id, whoever asks first, and every other
# run finds that one and is done.
#
# From tunewatch: TUNEWATCH_EVENT_ID, TUNEWATCH_ACCOUNT, TUNEWATCH_OUTPUT_MODEL, and TUNEWATCH_TEST
# for an event of "tunewatch test", which deploys nothing, but fails where the key is missing. Hooks
# get nothing of the daemon's environment, and never its key; so the file SETTINGS, by default
# /etc/tunewatch/deploy.env, is a piece of shell that may set
#   DEPLOY_KEY_FILE   a file with an API key that may deploy; default /etc/tunewatch/deploy.key
#   DEPLOY_API_URL    default https://api.fireworks.ai
#   DEPLOY_SHAPE      a deploymentShape, where the default does not fit
set -eu

readonly DONE=0 RETRY=75 GIVE_UP=1
readonly ANSWER_MAX=1048576 # bytes
newline='
'

say() {
	printf 'deploy-hook: %s\n' "$*" >&2
}

give_up() {
	say "$*"
	exit $GIVE_UP
}

# call PATH [CURL-ARGUMENT...]: a request on the account; sets status and answer.
call() {
	url=$api/v1/accounts/$TUNEWATCH_ACCOUNT/$1
	shift
	# The key goes to curl through a pipe: arguments can be seen by every user, and a file would
	# stay behind when this is killed.
	reply=$(printf 'header = "Authorization: Bearer %s"\n' "$key" |
		curl --disable --config - --silent --show-error --max-time 60 \
			--max-filesize $ANSWER_MAX --write-out '\n%{http_code}' "$@" "$url") || {
		say "no answer from $api"
		exit $RETRY
	}
	status=${reply##*"$newline"}
	answer=${reply%"$newline"*}
}

# Ends, for an answer that is not the one hoped for.
refused() {
	reason=$(printf '%s' "$answer" | jq -r '.message? // .error.message? // empty' \
		2>/dev/null) || reason=
	say "the API said $status: ${reason:-no reason given}"
	case $status in
	408 | 425 | 429 | 5??) exit $RETRY ;;
	*) exit $GIVE_UP ;;
	esac
}

for program in curl jq; do
	command -v $program >/dev/null || give_up "there is no $program"
done
settings=${1:-/etc/tunewatch/deploy.env}
if [ -r "$settings" ]; then
	# shellcheck source=/dev/null
	. "$settings"
elif [ $# -gt 0 ]; then
	give_up "cannot read $settings"
fi
: "${TUNEWATCH_EVENT_ID:?is set by tunewatch}"
: "${TUNEWATCH_ACCOUNT:?is set by tunewatch}"
model=${TUNEWATCH_OUTPUT_MODEL:-}
key_file=${DEPLOY_KEY_FILE:-/etc/tunewatch/deploy.key}
api=${DEPLOY_API_URL:-https://api.fireworks.ai}

[ -n "$model" ] || give_up "the job names no output model"
[ -r "$key_file" ] || give_up "cannot read the key file $key_file"
key=$(tr -d '[:space:]' <"$key_file")
if [ "${TUNEWATCH_TEST:-}" = true ]; then # tunewatch test: there is no such model
	say "a test: all is there to deploy $model"
	exit $DONE
fi

# 1 to 63 of a-z, 0-9 and '-'
id=$(printf '%s' "tw-$TUNEWATCH_EVENT_ID" | tr 'A-Z_' 'a-z-' | cut -c1-63)

request=$(jq -n --arg model "$model" --arg event "$TUNEWATCH_EVENT_ID" \
	--arg shape "${DEPLOY_SHAPE:-}" \
	'{baseModel: $model, displayName: "tunewatch \($event)"}
	 + (if $shape == "" then {} else {deploymentShape: $shape} end)')

call "deployments?deploymentId=$id" --header 'Content-Type: application/json' --data "$request"
case $status in
2??)
	say "deployment $id of $model is being made"
	exit $DONE
	;;
409) ;; # the id is taken; it is this event's own, so by another run for this event
*) refused ;;
esac

call "deployments/$id"
case $status in
200)
	state=$(printf '%s' "$answer" | jq -r '.state? // "of no known state"' 2>/dev/null) ||
		state='of no known state'
	say "deployment $id is there already: $state"
	exit $DONE
	;;
404) give_up "deployment $id was there, and is not any more: it was deleted" ;;
*) refused ;;
esac
