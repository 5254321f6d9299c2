#!/bin/sh
# The tarball of a commit has the same bytes whoever makes it, when and where: from this tree, from
# another clone, and from the tarball itself.
. "$top_srcdir/tests/support/tap.sh"
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL SOURCE_DATE_EPOCH

command -v xz >/dev/null || tap_skip_all "xz is missing (Debian: xz-utils)"
dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-dist.XXXXXX") || exit 99
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
# Somebody else goes through it.
chmod 755 "$dir"

# quietly COMMAND…: what it says only where it fails.
quietly() {
	"$@" >"$dir/said" 2>&1 && return
	tail -n 20 "$dir/said"
	return 1
}

# here: makes the tarball of this tree.
here() {
	make -C "$top_builddir" dist && mv "$top_builddir"/tunewatch-*.tar.xz "$dir/here.tar.xz"
}

# elsewhere SOURCE COMMAND…: makes the tarball of another tree, as another user where that is possible,
# with another umask, time zone and language, and other wishes for tar and xz.
elsewhere() {
	source=$1
	shift
	other=
	if [ "$(id -u)" -eq 0 ]; then
		chown -R nobody "$source"
		other='setpriv --reuid nobody --clear-groups'
	fi
	find "$source" -name .git -prune -o -type f -newermt 2000-01-01 -exec chmod g-w,o-rwx {} +
	env TMPDIR="$source" TZ=Asia/Kolkata LC_ALL=C.UTF-8 XZ_OPT=-1 XZ_DEFAULTS=-T2 TAR_OPTIONS=--mtime=@1 $other \
		sh -c 'umask 077; cd "$1" && shift && "$@" && mkdir b && cd b &&
			../configure -q --disable-tests && make dist' sh "$source" "$@" &&
		mv "$source"/b/tunewatch-*.tar.xz "$source.tar.xz"
}

# uniform: everybody may read it, nobody's name is in it, and it has one time, the commit's.
uniform() {
	tar --list --verbose --full-time --numeric-owner --utc -f "$dir/here.tar.xz" |
		awk '{ print $1, $2, $4, $5 }' | sort | uniq -c | sort -rn >"$dir/kinds"
	cat "$dir/kinds"
	[ "$(awk '{ print $2 }' "$dir/kinds" | sort | xargs)" = "-rw-r--r-- -rwxr-xr-x drwxr-xr-x" ] &&
		[ "$(awk '{ print $3 }' "$dir/kinds" | sort -u)" = 0/0 ] &&
		[ "$(awk '{ print $4, $5 }' "$dir/kinds" | sort -u)" = "$(date --utc '+%F %T' \
			--date=@"$("$top_srcdir/scripts/dist-time" "$top_srcdir")")" ]
}

tap_check "this tree's tarball is made" quietly here
tap_check "it says nothing of who made it" uniform

mkdir "$dir/tarball" && tar xf "$dir/here.tar.xz" -C "$dir/tarball" --strip-components=1
tap_check "the tarball makes a tarball" quietly elsewhere "$dir/tarball" true
tap_check "the same" cmp "$dir/here.tar.xz" "$dir/tarball.tar.xz"

name="another clone makes the same"
if ! [ -e "$top_srcdir/.git" ] || ! command -v git >/dev/null; then
	tap_skip "$name" "this is no clone"
elif [ -n "$(git -C "$top_srcdir" status --porcelain)" ]; then
	tap_skip "$name" "there are changes that are not committed"
elif ! git clone -q "$top_srcdir" "$dir/clone" 2>"$dir/said"; then
	tap_skip "$name" "git cannot clone this: $(tail -n 1 "$dir/said")"
else
	tap_check "another clone makes a tarball" quietly elsewhere "$dir/clone" autoreconf -fi
	tap_check "$name" cmp "$dir/here.tar.xz" "$dir/clone.tar.xz"
fi
tap_done
