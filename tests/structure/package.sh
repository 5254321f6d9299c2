#!/bin/sh
# What packages repeat of the source agrees with it: version and license.
. "$top_srcdir/tests/support/tap.sh"
set -u

# is VALUE COMMAND…: that is what it prints.
is() {
	want=$1
	shift
	got=$("$@")
	[ "$got" = "$want" ] || {
		echo "it is $got, and not $want"
		return 1
	}
}

version=$(sed -n 's/^AC_INIT(\[tunewatch\],\[\([^]]*\)\].*/\1/p' "$top_srcdir/configure.ac")
changelog=$top_srcdir/debian/changelog
spec=$top_srcdir/packaging/tunewatch.spec
tap_check "a version that differs is found" fails_with "and not 0.0" is 0.0 echo "$version"
tap_check "Debian's is the version" \
	is "$version" sed -n '1s/^tunewatch (\(.*\)) .*/\1/p' "$changelog"
tap_check "the RPM's is the version" is "$version" sed -n 's/^Version: *//p' "$spec"
tap_check "its last change is of the version" \
	is "$version-1" sed -n '/^%changelog/{n;s/.* - //p}' "$spec"
tap_check "NEWS has the version" grep -q "^## $version" "$top_srcdir/NEWS.md"

# text FILE: without the margin.
text() {
	sed -n '/Permission is hereby/,$p' "$top_srcdir/$1" | sed 's/^ *\.\?$//' | tr -s ' \n' ' ' |
		sed 's/^ //'
}
licensed() {
	grep -qx "Copyright: $(sed -n 's/^Copyright (c) //p' "$top_srcdir/LICENSE")" \
		"$top_srcdir/debian/copyright" && is "$(text LICENSE)" text debian/copyright
}
tap_check "Debian's license is LICENSE" licensed
tap_done
