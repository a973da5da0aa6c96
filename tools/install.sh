#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs the Debian 12 or Ubuntu 24.04 packages of the groups named (build, demo, test, bench) that are
# missing. Asks for root, through sudo, only when something is missing. Servers that it brings are not
# started: what needs one starts its own. This file is the one list of packages.
set -euo pipefail

build=(
	gcc make clang llvm pkg-config libc6-dev
	libbpf-dev libelf-dev zlib1g-dev libcurl4-openssl-dev libpcap-dev libcapstone-dev
	libsqlite3-dev libncurses-dev
)
demo=(
	python3 python3-flask python3-sqlalchemy python3-psycopg2 python3-redis python3-requests gunicorn
	postgresql redis-server
)
test=(
	libcmocka-dev clang-format curl jq procps iproute2 openssl tcpdump
	nginx mariadb-server redis-tools apache2-utils wrk
	python3-pymysql python3-psycopg python3-protobuf python3-msgpack php-cli php-fpm php-redis php-mysql
	liburing-dev libjansson-dev sqlite3 tmux python3-numpy python3-scipy
	qemu-system-x86 busybox-static cpio kmod xz-utils zstd debian-archive-keyring
)
bench=(nginx wrk redis-tools python3-venv)

# A browser to test the HTML reports with: Ubuntu's is a snap, there those tests are skipped.
grep -q '^ID=ubuntu' /etc/os-release || test+=(chromium chromium-driver python3-selenium python3-pil fonts-dejavu-core)

# bpftool is a package of its own on Debian only; Ubuntu's needs the tools of a kernel beside it.
if grep -q '^ID=ubuntu' /etc/os-release; then
	build+=(linux-tools-common linux-tools-generic)
else
	build+=(bpftool)
fi

say() {
	printf '  %-8s %s\n' INSTALL "$*"
}

die() {
	echo "install.sh: $*" >&2
	exit 1
}

missing_of() {
	local installed
	installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^.i  *//p' || true)
	printf '%s\n' "$@" | sort -u | grep -vxF "${installed:-none}" || true
}

# Without a policy a package's server starts as soon as it is unpacked. An administrator's own policy stays.
policy=/usr/sbin/policy-rc.d
forbid_starts() {
	[ -e "$policy" ] && return
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

quiet_apt_get() {
	if ! env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -qq \
		-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" \
		>"$log" 2>&1 </dev/null 9>&-; then
		tail -n 20 "$log" >&2
		return 1
	fi
}

# As root. Two of these at once wait for each other, so that neither takes the other's policy away.
install_packages() {
	exec 9>/run/spantap-install.lock
	flock 9
	log=$(mktemp)
	forbid_starts
	say "apt-get update"
	quiet_apt_get update || { sleep 5 && quiet_apt_get update; } || say "no fresh package lists: trying the old"
	say "$*"
	quiet_apt_get install --no-install-recommends --no-upgrade "$@" || die "apt-get install failed: see above"
	rm -f "$log"
}

if [ "${1:-}" = --packages ]; then
	shift
	install_packages "$@"
	exit
fi

[ $# -gt 0 ] || die "name the groups to install: build, demo, test, bench"
wanted=()
for group; do
	case $group in
	build | demo | test | bench) declare -n packages=$group && wanted+=("${packages[@]}") ;;
	*) die "no such group: $group" ;;
	esac
done
command -v dpkg-query >/dev/null || die "not Debian or Ubuntu: install what corresponds to: ${wanted[*]}"

mapfile -t missing < <(missing_of "${wanted[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -eq 0 ]; then
	"$BASH" "$0" --packages "${missing[@]}"
elif command -v sudo >/dev/null; then
	say "through sudo: ${missing[*]}"
	sudo "$BASH" "$0" --packages "${missing[@]}"
else
	die "needs root: apt-get install ${missing[*]}"
fi
