#!/bin/sh
# The clean root that tests/systemd/test_*.py install the package in: made at the first run, and when
# the package depends on something else than before.
. "$top_srcdir/tests/support/tap.sh"
set -u
root=$top_builddir/systemd-root
rm -f "$root.skipped"

# skip REASON: for the tests that need it, too.
skip() {
	echo "$1" >"$root.skipped"
	tap_skip_all "$1"
}

[ "$(id -u)" -eq 0 ] || skip "a container with a systemd needs root"
command -v systemd-nspawn >/dev/null ||
	skip "systemd-nspawn is missing (Debian: apt-get install systemd-container)"
unshare --mount --uts --ipc --net --pid --cgroup --fork true 2>/dev/null ||
	skip "may not make namespaces"
# The packages of the libraries that the programs here are linked with. The package's own dependencies
# are the same, or it cannot be installed without a network.
needed=$(readelf --dynamic --wide "$top_builddir/tunewatchd" "$top_builddir/tunewatch" |
	sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u | while read -r library; do
	dpkg-query --search "*/$library" | sed -n '1s/[:,].*//p'
done | sort -u)
said=$("$top_srcdir/tests/systemd/make-root" "$root" $needed 2>&1)
[ $? -ne 77 ] || skip "$(echo "$said" | tail -n 1)"
made() {
	echo "$said"
	[ -f "$root.made" ]
}
tap_check "there is a clean root" made
tap_done
