# How often a call's parent is right, by runtime and pattern: see tests/accuracy/README.md.
# ROW="go node" runs only those rows; ARGS are run.py's own.

ACCURACY_TALLY := $(O)/tests/accuracy.tally
ACCURACY := SPANTAP=$(O)/spantap tests/accuracy/run.py $(ROW:%=--row %)
ACCURACY_SECONDS ?= 1500

.PHONY: accuracy accuracy-quick accuracy-readme check-accuracy-run
## make accuracy        whose call is it: every runtime, pattern, concurrency and pool (ROW="go node"; two hours)
accuracy: all
	@$(ACCURACY) --output $(O)/accuracy.jsonl $(ARGS)

## make accuracy-quick  the same, a few cells of each row; fails on a wrong parent
accuracy-quick: check-accuracy-run
	@tests/lib/count.sh total $(ACCURACY_TALLY)

check-accuracy-run: all
	@tests/lib/count.sh start $(ACCURACY_TALLY)
	@tests/lib/count.sh run $(ACCURACY_TALLY) tests/accuracy/run.py \
		env $(ACCURACY) --quick --output $(O)/accuracy-quick.jsonl --limit $(ACCURACY_SECONDS)

## make accuracy-readme the README's table from what `make accuracy` has measured
accuracy-readme:
	@$(ACCURACY) --write-readme --output $(O)/accuracy.jsonl
