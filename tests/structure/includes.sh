#!/bin/sh
# Reads the includes of src/: a file may use its own floor and those below, and a library only where
# its floor is. ARCHITECTURE.md says why.
. "$top_srcdir/tests/support/tap.sh"
set -u

# check_includes ROOT: prints each include under ROOT/src that is not allowed; fails if there is one.
check_includes() (
	cd "$1" || exit 1
	find src -name '*.[ch]' | LC_ALL=C sort | xargs awk '
	BEGIN {
		below["base"] = " base "
		below["model"] = " base model "
		below["codec"] = " base model codec "
		below["config"] = " base model config "
		below["store"] = " base model codec config store "
		below["io"] = " base model codec config store io "
		below["notify"] = " base model codec config store io notify "
		below["daemon"] = " base model codec config store io notify daemon "
		below["cli"] = " base model codec cli "

		home["uv.h"] = home["uv/"] = " io notify daemon "
		home["curl/"] = " io cli "
		home["json-c/"] = home["json.h"] = " codec "
		home["sqlite3.h"] = " store "
		home["confuse.h"] = " config "
		home["microhttpd.h"] = " io "
		home["systemd/"] = " io "
		home["openssl/"] = " base "
	}
	function bad(why) {
		printf "%s:%d: %s\n", FILENAME, FNR, why
		n_bad++
	}
	/^[ \t]*#[ \t]*include/ {
		split(FILENAME, path, "/")
		floor = path[2]
		if (!(floor in below)) {
			bad("no such floor: " floor)
			next
		}
		if (!match($0, /[<"][^>"]*[>"]/)) {
			bad("cannot read this include")
			next
		}
		quote = substr($0, RSTART, 1)
		name = substr($0, RSTART + 1, RLENGTH - 2)
		top = name
		sub(/\/.*/, "", top)
		if (quote == "\"") {
			if (name !~ /^[a-z]+\/[a-z0-9_]+\.h$/)
				bad("write \"floor/file.h\": " name)
			else if (!index(below[floor], " " top " "))
				bad(floor " may not include " top ": " name)
			next
		}
		if (top in below)
			bad("write \"" name "\" with quotes")
		for (library in home)
			if (index(name, library) == 1 && !index(home[library], " " floor " "))
				bad(name " belongs to the floors" home[library] "only")
	}
	END { exit n_bad > 0 }'
)

dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-includes.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT

# planted FLOOR LINE: the check of a tree with one file that holds one line.
planted() {
	rm -rf "$dir/src"
	mkdir -p "$dir/src/$1" && printf '%s\n' "$2" >"$dir/src/$1/planted.c" && check_includes "$dir"
}

tap_check "src/ keeps to its floors" check_includes "$top_srcdir"

while read -r floor line; do
	[ -n "$floor" ] || continue
	tap_check "allowed in $floor: $line" planted "$floor" "$line"
done <<'EOF'
base #include "base/buf.h"
base #include <openssl/evp.h>
model #include "base/buf.h"
store #include "codec/event_json.h"
store #include <sqlite3.h>
notify #include "config/config.h"
io #include <curl/curl.h>
cli #include "codec/status_json.h"
cli #include <curl/curl.h>
daemon #include <uv.h>
EOF

while read -r floor line; do
	[ -n "$floor" ] || continue
	tap_check "refused in $floor: $line" fails_with "src/$floor/planted.c:1:" \
		planted "$floor" "$line"
done <<'EOF'
base #include "model/kind.h"
base #include <uv.h>
base #include "buf.h"
base #include <base/buf.h>
base # include "model/kind.h"
model #include "codec/job_json.h"
model #include <openssl/sha.h>
codec #include "config/config.h"
config #include "codec/job_json.h"
config #include <json-c/json.h>
store #include "io/http.h"
io #include "notify/notifier.h"
notify #include "daemon/engine.h"
notify #include <curl/curl.h>
daemon #include "cli/table.h"
daemon #include <systemd/sd-daemon.h>
daemon #include <sqlite3.h>
cli #include "config/config.h"
cli #include "store/store.h"
cli #include "io/http.h"
cli #include "daemon/engine.h"
cli #include <uv.h>
cli #include <json-c/json.h>
attic #include "base/buf.h"
EOF
tap_done
