#!/bin/sh
# mandoc has no complaint about the manual pages, and all of them are installed.
. "$top_srcdir/tests/support/tap.sh"
set -u

command -v mandoc >/dev/null || tap_skip_all "mandoc is missing"

# is_clean PAGE: style is not asked for, since it wants the pages that are referred to installed.
is_clean() {
	mandoc -T lint -W warning "$1"
}

dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-man.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT

{
	printf '.Dd November 30, 2026\n.Dt PLANTED 7\n.Os\n.Sh NAME\n.Nm planted\n.Nd a page\n'
	printf '.Sh DESCRIPTION\n.Bl -tag -width Ds\n.It one\n'
} >"$dir/planted.7"
tap_check "a list without an end is found" fails_with "planted.7" is_clean "$dir/planted.7"

for page in "$top_srcdir"/man/*.[1-8]; do
	tap_check "${page##*/} is clean" is_clean "$page"
	tap_check "${page##*/} is installed" \
		grep -q "man/${page##*/}\( \|\$\)" "$top_srcdir/man/Makemodule.am"
done
tap_done
