# Tests that need no root. T="redis buf" runs only those; tests/lib/count.sh adds up.

TALLY := $(O)/tests/unit.tally
CHECK_BIN := $(if $(T),$(T:%=$(O)/tests/unit/test_%),$(UNIT_BIN))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_RUNS ?= 20000

.PHONY: check check-run replay-update fuzz

## make check           unit and replay tests (T="redis buf": only those; REPLAY_ALL=1: every offset)
check: check-run
	@tests/lib/count.sh total $(TALLY)

# Leaves its numbers in $(TALLY) for a total over several suites; does not fail.
check-run: $(CHECK_BIN)
	@tests/lib/count.sh start $(TALLY)
	@for test in $(CHECK_BIN); do \
		tests/lib/count.sh run $(TALLY) $${test#$(O)/} $$test; \
	done

## make replay-update   rewrites the expectations of tests/replay: review the difference
replay-update: $(O)/tests/unit/test_replay
	@REPLAY_UPDATE=1 $< >/dev/null
	@git diff --stat -- tests/replay

$(O)/tests/fuzz/%: $(O)/tests/fuzz/%.o $(TESTLIB_OBJ) $(LIB_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDFLAGS) $(LIBS)

## make fuzz            mutated replay cases through every decoder, with sanitizers (FUZZ_RUNS=20000)
fuzz:
	@$(MAKE) --no-print-directory O=$(O)/san SAN=1 $(FUZZ_SRC:%.c=$(O)/san/%)
	@for fuzz in $(FUZZ_SRC:%.c=$(O)/san/%); do $$fuzz $(FUZZ_RUNS) || exit 1; done

-include $(FUZZ_SRC:%.c=$(O)/%.d)
