#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The story's short form: the shop, each fix, and a diff that says so.
set -u
cd "$(dirname "$0")/../.." || exit 1
spantap=${SPANTAP:-build/spantap}

TMPDIR=$(mktemp -d)
export TMPDIR
chmod 755 "$TMPDIR" # PostgreSQL's own user has to pass through
output=$TMPDIR/output
story=$TMPDIR/story
trap 'rm -rf "$TMPDIR"' EXIT

check() {
	local what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		echo "ok - $what"
	else
		echo "not ok - $what"
		failed=1
	fi
}

all_there() {
	local name
	for name in 0-before.spantap 3-after.spantap 0-before.html 3-after.html diff-1-no-sleep.txt diff-2-eager.md diff-all.html; do
		[ -s "$story/$name" ] || return 1
	done
}

echo "1..4"
if [ "$(id -u)" -ne 0 ]; then
	for _ in 1 2 3 4; do echo "ok # SKIP needs root"; done
	exit
fi
if [ -n "${GUEST:-}" ]; then
	for _ in 1 2 3 4; do echo "ok # SKIP under software emulation processor time outweighs what is fixed"; done
	exit
fi
failed=0
STORY_SHORT=1 timeout -k 60 600 examples/story.py "$spantap" "$story" >"$output" 2>&1 </dev/null
check "each diff says what its fix changed" test $? -eq 0
check "it leaves recordings, reports and diffs" all_there
check "the whole of it is told" grep -Eq '^== all three fixes together' "$output"
check "it leaves no process and no other file" \
	test -z "$(ls -A "$TMPDIR" | grep -vx -e output -e story; pgrep -f "$TMPDIR")"
[ "$failed" -eq 0 ] || sed 's/^/# /' "$output"
