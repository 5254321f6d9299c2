#!/bin/sh
# Runs a command for an event, and tells tunewatch which of its failures are temporary: then it exits
# with 75, and the event comes again, after 5 s, 30 s, 2 min and so on.
#
#   usage: retry-hook.sh [-n TRIES] [-s STATUSES] [-d DIRECTORY] COMMAND [ARGUMENT...]
#
#   -n TRIES      give up after so many tries; default 10, which takes five hours
#   -s STATUSES   exit statuses of the command that are temporary, beside 75; default none
#   -d DIRECTORY  for lock files; default $XDG_RUNTIME_DIR, else /run/tunewatch
#
# A command that is curl need not know of statuses: what curl could not do, because of a name, a
# connection or a time-out, is temporary, and so are the answers 408, 425, 429 and 5xx. Any other
# answer that is not 2xx is final. For example
#
#   notifier "inform" {
#       type = "exec"
#       command = {"/usr/share/tunewatch/examples/retry-hook.sh", "-n", "5",
#                  "curl", "--max-time", "30", "--data-binary", "@-", "https://ci.example/tuned"}
#   }
#
# The event is the command's standard input, and TUNEWATCH_* is in its environment. No two runs of it
# for one event go side by side, also not the one that outlived a daemon and the one after: the
# command holds a lock as long as it lives, with all that it started.
set -eu

readonly DONE=0 RETRY=75 GIVE_UP=1 USAGE=64
readonly LOCKS=1024 # files at most: events that share one only wait for each other

# curl's statuses for: proxy or host not found, not connected, HTTP/2 trouble, a part only, time-out,
# TLS handshake, no answer, not sent, not received, HTTP/2 stream, HTTP/3, QUIC
readonly CURL_TEMPORARY='5 6 7 16 18 28 35 52 55 56 92 95 96'

say() {
	printf 'retry-hook: %s\n' "$*" >&2
}

usage() {
	say "usage: retry-hook.sh [-n TRIES] [-s STATUSES] [-d DIRECTORY] COMMAND [ARGUMENT...]"
	exit $USAGE
}

# temporary REASON: ends, for another try if there may be one.
temporary() {
	if [ "${TUNEWATCH_DELIVERY_TRY:-1}" -ge "$tries" ]; then
		say "$1; given up after $tries tries"
		exit $GIVE_UP
	fi
	say "$1; to be tried again"
	exit $RETRY
}

# among WORD LIST: whether the word is one of the list's.
among() {
	case " $2 " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# judge_answer STATUS: ends, by what HTTP said.
judge_answer() {
	case $1 in
	2??) exit $DONE ;;
	408 | 425 | 429 | 5??) temporary "the answer was $1" ;;
	*)
		say "the answer was $1"
		exit $GIVE_UP
		;;
	esac
}

run_curl() {
	code=0
	answer=$("$@" --silent --show-error --output /dev/null --write-out '%{http_code}') || code=$?
	case $code in
	0 | 22) judge_answer "$answer" ;; # 22: --fail
	esac
	if among "$code" "$CURL_TEMPORARY $statuses"; then
		temporary "curl ended with $code"
	fi
	exit "$code"
}

run_command() {
	code=0
	"$@" || code=$?
	if among "$code" "$RETRY $statuses"; then
		temporary "$1 ended with $code"
	fi
	exit "$code"
}

tries=10 statuses='' directory=${XDG_RUNTIME_DIR:-/run/tunewatch}
while getopts n:s:d: option; do
	case $option in
	n) tries=$OPTARG ;;
	s) statuses=$OPTARG ;;
	d) directory=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
case $tries in
'' | *[!0-9]* | 0*) usage ;;
esac
: "${TUNEWATCH_EVENT_ID:?is set by tunewatch}"

sum=$(printf '%s\n' "$TUNEWATCH_EVENT_ID" "$@" | cksum)
lock=$directory/tunewatch-hook-$((${sum%% *} % LOCKS)).lock
# Descriptor 9 goes on to the command, and with it the lock.
if ! [ -d "$directory" ] || ! [ -w "$directory" ]; then
	say "cannot write to the directory $directory"
	exit $GIVE_UP
fi
exec 9>>"$lock"
flock -n 9 || temporary "a run for the same event is not over"

case ${1##*/} in
curl) run_curl "$@" ;;
*) run_command "$@" ;;
esac
