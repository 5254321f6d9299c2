#!/bin/sh
# shellcheck finds nothing in the scripts that others copy.
. "$top_srcdir/tests/support/tap.sh"
set -u

command -v shellcheck >/dev/null || tap_skip_all "shellcheck is missing"

dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-shell.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT

printf '#!/bin/sh\nrm -rf $1\n' >"$dir/planted.sh"
tap_check "a fault is found" fails_with "SC2086" shellcheck "$dir/planted.sh"
for script in "$top_srcdir"/conf/examples/*.sh; do
	tap_check "${script##*/} is clean" shellcheck "$script"
done
tap_done
