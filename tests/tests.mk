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

# Loads the hooks: each test says what it skips without root or CAP_BPF.
BPF_TALLY := $(O)/tests/bpf.tally
BPF_TEST_SRC := $(wildcard tests/bpf/test_*.c)
BPF_TEST_LIB := $(patsubst %.c,$(O)/%.o,$(filter-out $(BPF_TEST_SRC),$(wildcard tests/bpf/*.c)))
CHECK_BPF_BIN := $(if $(T),$(T:%=$(O)/tests/bpf/test_%),$(BPF_TEST_SRC:%.c=$(O)/%))

.PHONY: check-bpf check-bpf-run

$(O)/tests/bpf/test_%: $(O)/tests/bpf/test_%.o $(BPF_TEST_LIB) $(TESTLIB_OBJ) $(LIB_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka

## make check-bpf       the kernel hooks, loaded and driven for real; needs root (T="hooks_calls": only those)
check-bpf: check-bpf-run
	@tests/lib/count.sh total $(BPF_TALLY)

check-bpf-run: $(CHECK_BPF_BIN)
	@tests/lib/count.sh start $(BPF_TALLY)
	@for test in $(CHECK_BPF_BIN); do \
		tests/lib/count.sh run $(BPF_TALLY) $${test#$(O)/} $$test; \
	done

# Helpers that tests run: see the head of each.
TOOLS_TEST := $(O)/tests/tools/import_lines
TOOLS_TEST_OBJ := $(patsubst %.c,$(O)/%.o,$(wildcard tests/tools/*.c))

$(TOOLS_TEST): $(TOOLS_TEST_OBJ) $(LIB_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDFLAGS) $(LIBS) -ljansson

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
-include $(BPF_TEST_SRC:%.c=$(O)/%.d) $(BPF_TEST_LIB:.o=.d)
-include $(TOOLS_TEST_OBJ:.o=.d)
