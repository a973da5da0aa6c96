#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs one command as root under another kernel: Debian's, booted by QEMU's software emulation. The guest's
# root is this machine's own, read-only below a tmpfs overlay: what is built or installed here runs there,
# and what it writes is gone afterwards, except below the directory given with -w.
#
#   guest.sh [-k 5.10|6.1|6.12] [-w DIR] [-t SECONDS] [-c CPUS] [-m MIB] COMMAND [ARG]...
#   guest.sh -n [-k ...]      says why no such guest can run here and exits 1, or fetches what it needs
#
# Output comes as it is made, both streams in one; the exit status is the command's, or 125 when the guest
# reported none (time-out, panic): then the end of its kernel log is shown. The first use of a series
# fetches its kernel (100 MB) into $GUEST_CACHE (/var/tmp/spantap-guest).
# Needs: qemu-system-x86 busybox-static cpio kmod xz-utils zstd (tools/install.sh test).
set -u

cache=${GUEST_CACHE:-/var/tmp/spantap-guest}
series=6.1 share='' limit=300 cpus=2 memory=1536 only_try=0

die() {
	echo "guest.sh: $*" >&2
	exit 125
}

while getopts k:w:t:c:m:n option; do
	case $option in
	k) series=$OPTARG ;;
	w) share=$(readlink -f "$OPTARG") ;;
	t) limit=$OPTARG ;;
	c) cpus=$OPTARG ;;
	m) memory=$OPTARG ;;
	n) only_try=1 ;;
	*) sed -n '7,8s/^# *//p' "$0" >&2 && exit 2 ;;
	esac
done
shift $((OPTIND - 1))

# What is missing here, one line; nothing when a guest can be had.
missing() {
	local program
	[ "$(uname -m)" = x86_64 ] || echo "an x86_64 machine"
	for program in qemu-system-x86_64 busybox cpio modprobe depmod xz zstd apt-get dpkg-deb; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || echo "$program"
	done
	[ -d "$(kernel_directory)" ] || [ -r "$keyring" ] || echo "$keyring"
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
kernel_directory() {
	echo "$cache/$series"
}

suite_of() {
	case $series in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	*) return 1 ;;
	esac
}

# The kernel that linux-image-amd64 names in the series' Debian release, unpacked. No package is installed.
fetch() {
	local directory=$1 suite mirror apt image
	suite=$(suite_of) || die "no such series: $series (5.10, 6.1, 6.12)"
	mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
		head -n 1 | tr -d ' ')
	rm -rf "$directory.new"
	mkdir -p "$directory.new/lists/partial" "$directory.new/archives/partial" "$directory.new/root"
	cd "$directory.new" || return 1
	echo "deb [arch=amd64 signed-by=$keyring] ${mirror:-http://deb.debian.org/debian} $suite main" >list
	apt=(-qq -o Dir::Etc::sourcelist="$PWD/list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root
		-o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD" -o Dir::State::status=/dev/null)
	apt-get "${apt[@]}" update >log 2>&1 || die "apt-get update: $(tail -n 1 log)"
	image=$(apt-cache "${apt[@]}" depends linux-image-amd64 | sed -n 's/.*Depends: //p' | head -n 1)
	apt-get "${apt[@]}" download "$image" >>log 2>&1 || die "apt-get download $image: $(tail -n 1 log)"
	dpkg-deb -x ./*.deb root || die "unpack $image"
	[ -d root/lib ] || ln -s usr/lib root/lib # since Debian 13
	make_initrd root >initrd || die "no initrd"
	mv root/boot/vmlinuz-* vmlinuz
	rm -rf lists archives ./*.deb ./*.bin root/usr/share root/boot
	cd / && rm -rf "$directory" && mv "$directory.new" "$directory"
}

# What it takes to reach the root: busybox, the modules of 9p over virtio, and this init.
make_initrd() {
	local root=$1 version tree module path
	tree=$(mktemp -d)
	version=$(ls "$root/lib/modules") || return 1
	mkdir -p "$tree"/{bin,modules,proc,sys,dev,root,lower,upper}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	/sbin/depmod -b "$root" "$version" 2>/dev/null
	for module in virtio_pci virtio_console virtio_rng 9p 9pnet_virtio overlay; do
		/sbin/modprobe -d "$root" -S "$version" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod //p'
	done | awk '!seen[$1]++ { print $1 }' | while read -r path; do
		module=${path##*/}
		case $path in
		*.xz) xz -dc "$path" >"$tree/modules/${module%.xz}" ;;
		*.zst) zstd -qdc "$path" >"$tree/modules/${module%.zst}" ;;
		*) cp "$path" "$tree/modules/" ;;
		esac
		module=${module%.xz}
		echo "${module%.zst}"
	done >"$tree/modules/order"
	cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod /modules/$module; done
options=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o $options,ro,cache=loose root /lower
mount -t tmpfs -o size=75% tmpfs /upper && mkdir /upper/changed /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/changed,workdir=/upper/work overlay /root
for directory in proc sys dev; do mount --move /$directory /root/$directory; done
mount -t tmpfs -o mode=755 tmpfs /root/run
mkdir -p /root/dev/pts /root/dev/shm /root/run/guest
mount -t devpts devpts /root/dev/pts
mount -t tmpfs shm /root/dev/shm
mount -t bpf bpf /root/sys/fs/bpf
mount -t tracefs tracefs /root/sys/kernel/tracing
mount -t cgroup2 cgroup /root/sys/fs/cgroup
mount -t 9p -o $options,cache=none run /root/run/guest
share=$(cat /root/run/guest/share)
[ -z "$share" ] || { mkdir -p "/root$share" && mount -t 9p -o $options,cache=none share "/root$share"; }
modules=$(cat /root/run/guest/modules)
mkdir -p /root/lib/modules/$(uname -r) && mount --bind "/root$modules" /root/lib/modules/$(uname -r)
exec switch_root /root /bin/bash /run/guest/command
INIT
	chmod +x "$tree/init"
	(cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1)
	rm -rf "$tree"
}

# What the guest runs after its init. $1: the directory to be in, the rest: the command.
make_command() {
	cat <<'HEAD'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8 GUEST=1
exec </dev/null >"$(echo /dev/vport*p1)" 2>&1
ip link set lo up
hostname guest
ulimit -l unlimited
HEAD
	printf 'cd %q || cd /\n' "$1"
	shift
	printf '%q ' "$@"
	printf '\n%s\n' 'echo $? >/run/guest/status' 'exec >/dev/null 2>&1' 'sync; sleep 0.1' \
		'echo o >/proc/sysrq-trigger; sleep 10'
}

reason=$(missing | tr '\n' ' ')
[ -z "$reason" ] || die "no guest: needs ${reason% }"
mkdir -p "$cache" || exit 125
exec 9>"$cache/lock" && flock 9 # one run at a time fetches
[ -s "$(kernel_directory)/vmlinuz" ] || (fetch "$(kernel_directory)") || exit 125
exec 9>&-
[ $only_try -eq 0 ] || exit 0
[ $# -gt 0 ] || die "which command?"

run=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$run"' EXIT
trap 'kill $qemu; wait $qemu; exit 130' INT TERM HUP
make_command "$PWD" "$@" >"$run/command"
echo "$share" >"$run/share"
echo "$(kernel_directory)/root/lib/modules/$(ls "$(kernel_directory)/root/lib/modules")" >"$run/modules"
files() {
	echo "-fsdev local,id=$1,path=$2,security_model=none,multidevs=remap$3 -device virtio-9p-pci,fsdev=$1,mount_tag=$1"
}
mkfifo "$run/output"
exec 8<>"$run/output" # so that neither end waits for the other to open
cat "$run/output" 8>&- &
reader=$!
# shellcheck disable=SC2046 # words are wanted
timeout -k 5 "$limit" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
	-machine q35 -accel tcg,tb-size=256 -cpu max -smp "$cpus" -m "$memory" \
	-kernel "$(kernel_directory)/vmlinuz" -initrd "$(kernel_directory)/initrd" \
	-append "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic tsc=unstable nokaslr mitigations=off audit=0" \
	$(files root / ,readonly=on) $(files run "$run" '') ${share:+$(files share "$share" '')} \
	-device virtio-rng-pci -serial "file:$run/log" -device virtio-serial-pci \
	-chardev "file,id=output,path=$run/output" -device virtserialport,chardev=output </dev/null 8>&- &
qemu=$!
wait $qemu
exec 8>&-
wait $reader
[ -s "$run/status" ] && exit "$(cat "$run/status")"
echo "guest.sh: $series: no exit status after ${SECONDS} s (limit $limit); the kernel's last words:" >&2
tail -n 40 "$run/log" >&2
exit 125
