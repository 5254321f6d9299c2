#!/bin/sh
# The RPM package builds from the tarball, and holds all that `make install` installs. What systemd's
# macros do is tried on a system that has them only: tests/package/rpm-macros stands in for them.
. "$top_srcdir/tests/support/tap.sh"
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL

command -v rpmbuild >/dev/null || tap_skip_all "rpmbuild is missing (Debian: apt-get install rpm)"
dir=$(mktemp -d "${TMPDIR:-/tmp}/tunewatch-rpm.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
macros=$top_srcdir/tests/package/rpm-macros

# expanded SPEC: every macro is known.
expanded() {
	rpmspec --load="$macros" -P "$1" >"$dir/said" 2>&1 || {
		cat "$dir/said"
		return 1
	}
	! grep -nE '%(\{|_|systemd|autosetup|make_)' "$dir/said"
}

# Quick rather than fast; the compiler's warnings of what it does not optimize are not wanted.
built() {
	make -C "$top_builddir" rpm RPMBUILD_FLAGS="-tb --nodeps --load=$macros \
		--define 'optflags -O0' --define '_smp_build_ncpus $(nproc)' --define 'debug_package %{nil}'" \
		>"$dir/said" 2>&1 && return
	tail -n 40 "$dir/said"
	return 1
}

sed 's/%{_unitdir}/%{_unitdirectory}/' "$top_srcdir/packaging/tunewatch.spec" >"$dir/planted.spec"
tap_check "a macro that nobody knows is found" fails_with _unitdirectory expanded "$dir/planted.spec"
tap_check "the spec's macros are known" expanded "$top_srcdir/packaging/tunewatch.spec"
tap_check "the package builds" built
rpm=$(find "$top_builddir/package/rpm/RPMS" -name 'tunewatch-*.rpm' 2>/dev/null)
closed() {
	rpm -qp --queryformat '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILENAMES}\n]' "$rpm" |
		grep -x 'drwx------ root /etc/tunewatch/credentials'
}
ours() {
	[ "$(rpm -qp --configfiles "$rpm")" = /etc/tunewatch/tunewatch.conf ]
}
tap_check "keys are closed to others" closed
tap_check "the configuration is the administrator's" ours
tap_done
