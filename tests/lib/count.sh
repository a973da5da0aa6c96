#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs test programs that print TAP and adds up what they say, over as many suites as a total wants.
#
#   count.sh start FILE                 empties the tally
#   count.sh run FILE NAME COMMAND...   runs one program, prints one line, adds to the tally
#   count.sh skip FILE NAME REASON      a whole program that cannot run here, said aloud
#   count.sh total FILE                 prints "N passed, N failed, N skipped"; exit 1 when something
#                                       failed or nothing passed
# A program that dies, or runs fewer tests than its plan says, has failed.
set -u

action=$1 tally=$2
shift 2

case $action in
start)
	mkdir -p "$(dirname "$tally")"
	: >"$tally"
	;;
run)
	name=$1
	shift
	output=$(mktemp)
	trap 'rm -f "$output"' EXIT
	CMOCKA_MESSAGE_OUTPUT=TAP "$@" >"$output" 2>&1
	status=$?
	counts=$(awk -v status="$status" '
		/^ *[0-9]+\.\.[0-9]+/ { split($1, plan, /\.\./); planned += plan[2] - plan[1] + 1 }
		/^ *(not )?ok .*# *SKIP/ || /^ *(not )?ok .*# *skip/ { skipped++; next }
		/^ *ok( |$)/ { passed++ }
		/^ *not ok( |$)/ { failed++ }
		END {
			missing = planned - passed - failed - skipped
			if (missing > 0)
				failed += missing
			else if (status && !failed)
				failed++
			if (!passed && !failed && !skipped)
				failed++
			print passed + 0, failed + 0, skipped + 0
		}' "$output")
	echo "$counts $name" >>"$tally"
	set -- $counts
	line="$1 passed"
	[ "$2" -gt 0 ] && line="$line, $2 FAILED"
	[ "$3" -gt 0 ] && line="$line, $3 skipped"
	printf '  %-8s %-40s %s\n' TEST "$name" "$line"
	[ "$3" -gt 0 ] && grep -i '# *skip' "$output" | sed 's/^/           /'
	if [ "$2" -gt 0 ]; then
		[ "$status" -gt 128 ] && echo "           killed by signal $((status - 128))"
		grep -iv '^ *ok \|# *skip' "$output" | sed 's/^/           /'
	fi
	;;
skip)
	echo "0 0 1 $1" >>"$tally"
	printf '  %-8s %-40s %s\n' SKIP "$1" "$2"
	;;
total)
	awk '{ passed += $1; failed += $2; skipped += $3 }
		END {
			printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
			exit failed > 0 || passed == 0
		}' "$tally"
	;;
*)
	echo "count.sh: no action $action" >&2
	exit 2
	;;
esac
