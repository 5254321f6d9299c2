#!/bin/sh
# Every C file is as .clang-format wants it. Major versions of clang-format differ in what they make
# of one file, so only the one that the project uses is asked.
. "$top_srcdir/tests/support/tap.sh"
set -u
major=14

[ -n "${CLANG_FORMAT:-}" ] || tap_skip_all "clang-format is missing"
"$CLANG_FORMAT" --version | grep -q "version $major\." ||
	tap_skip_all "clang-format is not version $major: $("$CLANG_FORMAT" --version)"

# is_formatted DIRECTORY…: prints the first fault of each file; fails if there is one.
is_formatted() {
	faults=$(find "$@" -name '*.[ch]' | LC_ALL=C sort |
		xargs "$CLANG_FORMAT" --dry-run -Werror 2>&1 | grep error: | sort -u -t: -k1,1)
	[ -z "$faults" ] && return
	printf '%s\nTry: clang-format -i FILE\n' "$faults"
	return 1
}

dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-format.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
cp "$top_srcdir/.clang-format" "$dir"

printf 'int x;\n' >"$dir/planted.c"
tap_check "a formatted file passes" is_formatted "$dir"
printf 'int  x ;\n' >"$dir/planted.c"
tap_check "a file that is not formatted is found" fails_with "planted.c:1" is_formatted "$dir"
tap_check "src and tests are formatted" is_formatted "$top_srcdir/src" "$top_srcdir/tests"
tap_done
