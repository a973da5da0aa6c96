#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs in a guest (guest.sh), prints TAP: what this kernel must do, the programs named (each prints TAP itself and
# gets 30 minutes), and whether the kernel's log stayed clean.
#
#   in_guest.sh SPANTAP PROGRAM...
set -u
spantap=$1
shift
export SPANTAP=$spantap GUEST=1 CMOCKA_MESSAGE_OUTPUT=TAP

echo 1..3
doctor=$("$spantap" doctor)
status=$?
[ $status -eq 0 ] && echo "ok - doctor: $(uname -r) will do" || echo "not ok - doctor: exit status $status"
# 6.3 brought the socket hook; before it the fallback has to be there.
hook=$(printf '%s\n6.3\n' "$(uname -r)" | sort -V | head -n 1 | grep -q '^6\.3$' && echo socket || echo syscall)
echo "$doctor" | grep -Eq "^$hook +yes" && echo "ok - doctor: has the $hook hook" ||
	echo "not ok - doctor: has the $hook hook"
echo "$doctor" | sed 's/^/# /'

failed=0
for program; do
	echo "# == $program, after $SECONDS s"
	timeout -k 10 1800 $program
	status=$?
	[ $status -eq 0 ] || { failed=1 && echo "# $program: exit status $status"; }
done
dmesg >/run/kernel.log
grep -Eq 'WARNING|BUG:|Oops' /run/kernel.log && echo "not ok - the kernel complained of something" && failed=1 ||
	echo "ok - the kernel complained of nothing"
grep -E -A 9 'WARNING|BUG:|Oops' /run/kernel.log | head -n 40 | sed 's/^/# /'
echo "# done after $SECONDS s"
exit $failed
