#!/bin/sh
# The Debian package builds from the tarball, is hardened, holds what it should, and lintian finds
# nothing to say about it. tests/systemd installs what is built here.
. "$top_srcdir/tests/support/tap.sh"
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL

command -v dh >/dev/null && command -v dpkg-buildpackage >/dev/null ||
	tap_skip_all "debhelper is missing (Debian: apt-get install debhelper)"
missing=$(dpkg-checkbuilddeps "$top_srcdir/debian/control" 2>&1) ||
	tap_skip_all "what the package needs to be built is missing: $missing"

dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-deb.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
made=$top_builddir/package/deb

# With those of the unit tests that a package runs.
built() {
	DEB_BUILD_OPTIONS="noautodbgsym parallel=$(nproc)" \
		make -C "$top_builddir" deb >"$dir/said" 2>&1 && return
	tail -n 40 "$dir/said"
	return 1
}

# judged OPTION…: with hints and pedantry.
judged() {
	said=$(lintian --allow-root --display-info --pedantic \
		--fail-on error,warning,info,pedantic "$@" "$made"/*.changes 2>&1) && [ -z "$said" ] && return
	echo "$said"
	return 1
}

# hardened FILE
hardened() {
	readelf --file-header --program-headers --dynamic --symbols --wide "$1" >"$dir/elf" || return
	for mark in 'Type: .*DYN' GNU_RELRO 'FLAGS_1.* NOW.* PIE' __stack_chk_fail '_chk@'; do
		grep -Eq "$mark" "$dir/elf" || {
			echo "no $mark"
			return 1
		}
	done
}

tap_check "the package builds" built
deb=$(find "$made" -name 'tunewatch_*.deb')
[ -n "$deb" ] || {
	tap_done
	exit 0
}

if command -v lintian >/dev/null; then
	tap_check "lintian sees what is strange" fails_with non-standard-dir-perm judged --no-override
	tap_check "lintian has nothing to say" judged
else
	tap_skip "lintian has nothing to say" "lintian is missing (Debian: apt-get install lintian)"
fi

dpkg-deb --extract "$deb" "$dir/root" && dpkg-deb --control "$deb" "$dir/control" || exit 99
echo 'int main(void) { return 0; }' >"$dir/soft.c"
$CC -no-pie -Wl,-z,lazy -o "$dir/soft" "$dir/soft.c" || exit 99
tap_check "a program that is not hardened is found" fails_with DYN hardened "$dir/soft"
for program in sbin/tunewatchd bin/tunewatch; do
	tap_check "$program is hardened" hardened "$dir/root/usr/$program"
done

holds() {
	(cd "$dir/root" && find . ! -type d -printf '%P\n') | LC_ALL=C sort >"$dir/there"
	LC_ALL=C sort >"$dir/wanted" <<-EOF
		etc/tunewatch/tunewatch.conf
		lib/systemd/system/tunewatchd.service
		lib/systemd/system/tunewatchd.socket
		usr/bin/tunewatch
		usr/lib/systemd/catalog/tunewatch.catalog
		usr/lib/systemd/user/tunewatchd.service
		usr/lib/sysusers.d/tunewatch.conf
		usr/sbin/tunewatchd
		usr/share/bash-completion/completions/tunewatch
		usr/share/doc/tunewatch/NEWS.md.gz
		usr/share/doc/tunewatch/README.md.gz
		usr/share/doc/tunewatch/SECURITY.md
		usr/share/doc/tunewatch/changelog.gz
		usr/share/doc/tunewatch/copyright
		usr/share/lintian/overrides/tunewatch
		usr/share/fish/vendor_completions.d/tunewatch.fish
		usr/share/man/man1/tunewatch.1.gz
		usr/share/man/man5/tunewatch.conf.5.gz
		usr/share/man/man7/tunewatch-events.7.gz
		usr/share/man/man8/tunewatchd.8.gz
		usr/share/zsh/site-functions/_tunewatch
	EOF
	(cd "$top_srcdir/conf" && printf 'usr/share/tunewatch/%s\n' examples/* tunewatch.conf) |
		sed 's|tunewatch/tunewatch.conf|tunewatch/examples/tunewatch.conf|' >>"$dir/wanted"
	# Newer debhelpers put units below usr/lib.
	sed 's|^usr/lib/systemd/system/|lib/systemd/system/|; s|\.md\.gz$|.md|' "$dir/there" |
		LC_ALL=C sort -o "$dir/there"
	sed 's|\.md\.gz$|.md|' "$dir/wanted" | LC_ALL=C sort | diff - "$dir/there"
}
tap_check "it holds what it should, and no more" holds
tap_check "the configuration is the administrator's" \
	grep -qx /etc/tunewatch/tunewatch.conf "$dir/control/conffiles"
# Without a single option: what is in force is what the daemon says of itself.
commented() {
	! grep -v '^\(#\|$\)' "$dir/root/etc/tunewatch/tunewatch.conf"
}
tap_check "all of it is commented out" commented
tap_done
