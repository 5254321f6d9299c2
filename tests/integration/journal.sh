#!/bin/sh
# The system's log for real: a journald of its own, in namespaces of its own, that runs, is stopped,
# is dead, or is not there.
set -u
. "$top_srcdir/tests/support/tap.sh"
probe=$top_builddir/tests/integration/journal-probe
event='{"specversion":"1.0","id":"evt_1","source":"https://api.test/v1/accounts/acme",
"type":"job.failed","subject":"accounts/acme/supervisedFineTuningJobs/abc",
"time":"2026-11-20T06:31:56.123Z","datacontenttype":"application/json","data":{
"job":{"name":"accounts/acme/supervisedFineTuningJobs/abc","account":"acme","kind":"sft",
"id":"abc","displayName":"nightly","baseModel":"base","outputModel":"","dataset":"data",
"createTime":"","completedTime":""},"attempt":2,"sequence":7,"changed":["state"],"from":null,
"to":{"state":"JOB_STATE_FAILED","phase":"failed","status":{"code":"INTERNAL",
"message":"it broke\nPRIORITY=0\nhere"},"progress":null}}}'

for journald in /usr/lib/systemd/systemd-journald /lib/systemd/systemd-journald ''; do
	[ -x "$journald" ] && break
done

if [ "${1-}" != inside ]; then
	[ -n "$journald" ] || tap_skip_all "no systemd-journald (Debian: apt-get install systemd)"
	command -v unshare >/dev/null || tap_skip_all "no unshare (Debian: apt-get install util-linux)"
	for who in '' '--user --map-root-user'; do
		own="unshare $who --mount --propagation private --pid --fork"
		$own sh -c 'mount -t tmpfs tmpfs /run && mount -t proc proc /proc' 2>/dev/null &&
			exec $own --kill-child sh "$0" inside
	done
	tap_skip_all "may not make namespaces (needs root, or user namespaces)"
fi

# A /run, a /dev and a machine id of our own.
mount -t tmpfs tmpfs /run && mount -t proc proc /proc || exit 99
mkdir -p /run/systemd/journald.conf.d /run/systemd/journal /run/log/journal /run/dev
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nRateLimitIntervalSec=0\n' \
	>/run/systemd/journald.conf.d/test.conf
for node in null zero urandom; do
	: >/run/dev/$node
	mount --bind /dev/$node /run/dev/$node || exit 99
done
ln -s /run/systemd/journal/dev-log /run/dev/log
mount --rbind /run/dev /dev || exit 99
echo 0123456789abcdef0123456789abcdef >/run/machine-id
[ ! -e /etc/machine-id ] || mount --bind /run/machine-id /etc/machine-id || exit 99

sockets=/run/systemd/journal
"$journald" >/run/journald.log 2>&1 &
journald_pid=$!
for _ in $(seq 100); do
	[ -S $sockets/socket ] && [ -S $sockets/dev-log ] && break
	sleep 0.1
done
[ -S $sockets/socket ] || tap_skip_all "journald does not start: $(cat /run/journald.log)"

probe() {
	printf '%s' "$event" | timeout 60 "$probe" "$1"
}

# says EXPECTED COMMAND…
says() {
	want=$1
	shift
	got=$("$@")
	[ "$got" = "$want" ] || { printf 'it says: %s\nand not: %s\n' "$got" "$want"; return 1; }
}

# entry PATTERN MATCH…: prints the fields of the entry that matches, when it has arrived; those that
# the sender gave and whose name matches the pattern.
entry() {
	pattern=$1
	shift
	for _ in $(seq 100); do
		journalctl --no-pager --output=json "$@" 2>/dev/null >/run/entry
		[ -s /run/entry ] && break
		sleep 0.1
	done
	"$PYTHON3" -c '
import json, re, sys
for line in open("/run/entry"):
    for name, value in sorted(json.loads(line).items()):
        if not name.startswith("_") and re.fullmatch(sys.argv[1], name):
            print(name, repr(value))' "$pattern"
}

sentence='acme/sft/abc failed: INTERNAL: it broke PRIORITY=0 here'
delivered='delivered: the log took it
closed'
refused='retry: the log did not take it: Connection refused
closed'

tap_check "a journal takes the event" says "$delivered" probe deliver
tap_check "with all its fields" says "MESSAGE '$sentence'
MESSAGE_ID '$(sed -n 's/.*\[EVENT_JOB_FAILED\].*"\(.*\)".*/\1/p' "$top_srcdir/src/notify/syslog.c")'
PRIORITY '3'
SYSLOG_IDENTIFIER 'tunewatch'
TUNEWATCH_ACCOUNT 'acme'
TUNEWATCH_ATTEMPT '2'
TUNEWATCH_BASE_MODEL 'base'
TUNEWATCH_DELIVERY_TRY '1'
TUNEWATCH_DISPLAY_NAME 'nightly'
TUNEWATCH_EVENT 'job.failed'
TUNEWATCH_EVENT_ID 'evt_1'
TUNEWATCH_JOB 'accounts/acme/supervisedFineTuningJobs/abc'
TUNEWATCH_JOB_ID 'abc'
TUNEWATCH_KIND 'sft'
TUNEWATCH_PHASE 'failed'
TUNEWATCH_SEQUENCE '7'
TUNEWATCH_STATE 'JOB_STATE_FAILED'
TUNEWATCH_STATUS_CODE 'INTERNAL'
TUNEWATCH_STATUS_MESSAGE 'it broke\\nPRIORITY=0\\nhere'" entry '.*' TUNEWATCH_EVENT_ID=evt_1

mv $sockets/socket $sockets/away
tap_check "without a journal, syslog takes it" says "$delivered" probe deliver
tap_check "as a line" says "MESSAGE '$sentence'
PRIORITY '3'
SYSLOG_FACILITY '3'
SYSLOG_IDENTIFIER 'tunewatch'" \
	entry 'MESSAGE|PRIORITY|SYSLOG_(FACILITY|IDENTIFIER)' _TRANSPORT=syslog
mv $sockets/away $sockets/socket

kill -STOP $journald_pid
tap_check "a journal that hangs stops neither the loop nor its end" says "hangs
cancelled: cancelled
closed" probe hang
kill -CONT $journald_pid
tap_check "and takes events again afterwards" says "$delivered" probe deliver

kill -KILL $journald_pid
wait $journald_pid 2>/dev/null
tap_check "a dead journal is tried again later" says "$refused" probe deliver
rm $sockets/socket
tap_check "and so is a dead syslog" says "$refused" probe deliver
rm $sockets/dev-log
tap_check "without any log the daemon's own gets it" says "log: <3>$sentence
delivered: there is no system log here: written to the daemon's own
closed" probe deliver

tap_done
