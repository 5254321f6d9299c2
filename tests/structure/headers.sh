#!/bin/sh
# Every header of src/ compiles alone, so that nobody has to know what to include before it.
. "$top_srcdir/tests/support/tap.sh"
set -u

# compiles_alone ROOT HEADER
compiles_alone() {
	printf '#include "%s"\n' "$2" |
		$CC -std=gnu17 -Wall -Wextra -Wno-unused-parameter -Werror -fsyntax-only \
			-include config.h -I"$top_builddir" -I"$1" $LIBRARY_CFLAGS -x c -
}

dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-headers.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT

printf '#pragma once\nint f(size_t n);\n' >"$dir/planted.h"
tap_check "a header that needs another one is found" \
	fails_with "planted.h" compiles_alone "$dir" planted.h

for header in $(cd "$top_srcdir/src" && find . -name '*.h' | sed 's|^\./||' | LC_ALL=C sort); do
	tap_check "$header" compiles_alone "$top_srcdir/src" "$header"
done
tap_done
