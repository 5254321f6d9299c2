#!/bin/sh
# mandoc has no complaint about the manual pages, not even of style, and all of them are installed.
. "$top_srcdir/tests/support/tap.sh"
set -u

command -v mandoc >/dev/null || tap_skip_all "mandoc is missing"

dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-man.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT

# is_clean PAGE: which pages of others are installed here says nothing about it.
is_clean() {
	[ -r "$1" ] || return 1
	mandoc -T lint "$1" >"$dir/said" 2>/dev/null
	! grep -v 'referenced manual not found' "$dir/said"
}

# plant LINE...: a page with these lines.
plant() {
	printf '%s\n' '.Dd November 30, 2026' '.Dt PLANTED 7' .Os '.Sh NAME' '.Nm planted' \
		'.Nd a page' '.Sh DESCRIPTION' "$@" >"$dir/planted.7"
}

plant 'It is short.'
tap_check "a page passes" is_clean "$dir/planted.7"
plant '.Bl -tag -width Ds' '.It one'
tap_check "a list without an end is found" fails_with ERROR is_clean "$dir/planted.7"
plant 'It is short. It is not.'
tap_check "a sentence that begins in a line is found" fails_with WARNING is_clean "$dir/planted.7"
plant "$(printf 'word %.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18)."
tap_check "a line that is too long is found" fails_with STYLE is_clean "$dir/planted.7"

for page in "$top_srcdir"/man/*.[1-8]; do
	tap_check "${page##*/} is clean" is_clean "$page"
	tap_check "${page##*/} is installed" \
		grep -q "man/${page##*/}\( \|\$\)" "$top_srcdir/man/Makemodule.am"
done
tap_done
