#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# bench/overhead.py measures and prints its table; the numbers of one second mean nothing and are not checked.
set -u
cd "$(dirname "$0")/../.." || exit 1
spantap=${SPANTAP:-build/spantap}

echo 1..1
if [ "$(id -u)" -ne 0 ]; then
	echo "ok # SKIP needs root"
	exit
fi
table=$(timeout -k 60 300 bench/overhead.py "$spantap" --rounds 1 --seconds 1 --no-tracers 2>&1 </dev/null)
ratio='[0-9]+\.[0-9]{2} +\([0-9.]+ - [0-9.]+\) *'
rows=$(grep -Ec "^(nginx|redis|shop) +(nothing|spantap) +($ratio){3}$" <<<"$table")
if [ "$rows" -eq 6 ]; then
	echo "ok - one row for each subject, watched and not"
else
	echo "not ok - one row for each subject, watched and not"
	sed 's/^/# /' <<<"$table"
fi
