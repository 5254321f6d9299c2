# TAP for shell scripts: source it, call tap_check for each case and tap_done at the end.

tap_n=0

# tap_check NAME COMMAND…: passes when the command does; its output is the explanation.
tap_check() {
	tap_name=$1
	shift
	tap_n=$((tap_n + 1))
	if tap_out=$("$@" 2>&1); then
		echo "ok $tap_n - $tap_name"
	else
		echo "not ok $tap_n - $tap_name"
	fi
	[ -z "$tap_out" ] || printf '%s\n' "$tap_out" | sed 's/^/# /'
}

# tap_skip_all REASON: ends the script.
tap_skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# tap_skip NAME REASON: a case that cannot be tried here.
tap_skip() {
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

tap_done() {
	echo "1..$tap_n"
}

# fails_with TEXT COMMAND…: for checks that must be able to fail.
fails_with() {
	want=$1
	shift
	if got=$("$@" 2>&1); then
		echo "it passed, though it should say: $want"
		return 1
	fi
	case $got in
	*"$want"*) ;;
	*)
		printf 'it should say: %s\nit says: %s\n' "$want" "$got"
		return 1
		;;
	esac
}
