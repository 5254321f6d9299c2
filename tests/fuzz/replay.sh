#!/bin/sh
# Replays the corpus of every fuzz target through its replay program: one case a file, and one more
# for the program's own end.
set -u
corpora=${top_srcdir:?}/tests/fuzz/corpus
out=$(mktemp "${TMPDIR:-/tmp}/tunewatch-replay.XXXXXX") || exit 99
trap 'rm -f "$out"' EXIT
for dir in "$corpora"/*; do
	name=$(basename "$dir")
	"${top_builddir:?}/tests/fuzz/replay-$name" "$dir" >>"$out" 2>&1
	status=$?
	if [ "$status" -eq 0 ]; then
		echo "ok - $name: clean exit" >>"$out"
	else
		echo "not ok - $name: exit status $status" >>"$out"
	fi
done
# What a program wrote that is no TAP, a sanitizer's report say, becomes a comment.
sed -E '/^(ok|not ok|#)/!s/^/# /' "$out"
echo "1..$(grep -cE '^(ok|not ok)' "$out")"
