#!/bin/sh
# systemd has no word to say about the units, the system unit leaves little open to attack, and the
# journal catalog explains every kind of entry that notifiers of type syslog write.
. "$top_srcdir/tests/support/tap.sh"
set -u

command -v systemd-analyze >/dev/null || tap_skip_all "systemd-analyze is missing (Debian: systemd)"

EXPOSURE_MAX=15 # tenths

dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-units.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT

mkdir -p "$dir/user" "$dir/root/usr/lib/systemd/catalog" "$dir/root/var/lib/systemd/catalog"
ln -s /bin/true "$dir/tunewatchd"
for unit in tunewatchd.service tunewatchd.socket user/tunewatchd.service; do
	sed -e "s|@sbindir@|$dir|" -e 's|@sysconfdir@|/etc|' \
		"$top_srcdir/systemd/$unit.in" >"$dir/$unit"
done

# verify UNIT OPTION…: it exits with 0 also where it ignores what it does not know.
verify() {
	unit=$1
	shift
	said=$(XDG_RUNTIME_DIR=$dir systemd-analyze "$@" verify --man=no "$dir/$unit" 2>&1) || return 1
	echo "$said"
	[ -z "$said" ]
}

# exposed UNIT TENTHS: fails when it is more.
exposed() {
	systemd-analyze security --no-pager --offline=true --threshold="$2" "$dir/$1" >"$dir/said"
	status=$?
	tail -n 1 "$dir/said"
	return $status
}

# placed UNIT PATTERN: the unit holds such a line.
placed() {
	grep -Eq "$2" "$dir/$1"
}

sed 's/^KillMode=/KillMood=/' "$dir/tunewatchd.service" >"$dir/planted.service"
tap_check "a word that systemd does not know is found" \
	fails_with KillMood verify planted.service
tap_check "the system unit is good" verify tunewatchd.service
tap_check "the socket unit is good" verify tunewatchd.socket
tap_check "the user unit is good" verify user/tunewatchd.service --user

sed '/^Protect/d' "$dir/tunewatchd.service" >"$dir/planted.service"
tap_check "a unit without its protections is found" \
	fails_with exposure exposed planted.service $EXPOSURE_MAX
tap_check "the system unit's exposure is at most 1.5" exposed tunewatchd.service $EXPOSURE_MAX
waits() {
	cat "$dir/tunewatchd.service" "$dir/user/tunewatchd.service" |
		grep -E '^[A-Za-z]+=.*network-online' && return 1
	return 0
}
tap_check "no network is no reason to wait" waits
for unit in tunewatchd.service user/tunewatchd.service; do
	tap_check "$unit is not started again after 64 and 78" \
		placed $unit '^RestartPreventExitStatus=64 78$'
done

# What the daemon says of itself, and what the catalog says of it.
sed -n 's/.*\[EVENT_.*"\([0-9a-f]\{32\}\)".*/\1/p' "$top_srcdir/src/notify/syslog.c" |
	sort >"$dir/written"
cp "$top_srcdir/systemd/tunewatch.catalog" "$dir/root/usr/lib/systemd/catalog"
compiled() {
	said=$(journalctl --root="$dir/root" --update-catalog 2>&1)
	echo "$said"
	[ -z "$said" ]
}
explained() {
	journalctl --root="$dir/root" --list-catalog | cut -d ' ' -f 1 | sort >"$dir/explained"
	[ -s "$dir/written" ] && diff "$dir/written" "$dir/explained"
}
# advise: every text says of what the entry is, what happened, and what to do or that nothing has to be.
advise() {
	while read -r id; do
		journalctl --root="$dir/root" --dump-catalog "$id" >"$dir/said"
		if ! grep -q '^Subject: .*@TUNEWATCH_' "$dir/said" ||
			[ "$(sed -n '/^$/,$p' "$dir/said" | grep -c '^$')" -lt 2 ]; then
			cat "$dir/said"
			return 1
		fi
	done <"$dir/written"
}
# known: the catalog has no field that entries do not have.
known() {
	for field in $(grep -o '@[A-Z_]*@' "$top_srcdir/systemd/tunewatch.catalog" | tr -d @ | sort -u); do
		grep -q "\"$field\"" "$top_srcdir/src/notify/variables.c" || {
			echo "no entry has $field"
			return 1
		}
	done
}
tap_check "the catalog compiles" compiled
tap_check "it explains every kind of entry, and no other" explained
tap_check "it says what happened and what to do" advise
tap_check "its fields are those of entries" known
tap_done
