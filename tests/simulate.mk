# Simulations that take minutes: what diff's verdicts are worth.

SIMULATE_SRC := $(wildcard tests/simulate/simulate_*.c)
DIFFS ?= 500

.PHONY: diff-check
$(O)/tests/simulate/%: $(O)/tests/simulate/%.o $(TESTLIB_OBJ) $(LIB_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDFLAGS) $(LIBS)

## make diff-check      how often diff errs, and what it finds, on made workloads (DIFFS=500: 20 minutes)
diff-check: $(O)/tests/simulate/simulate_diff
	@$< $(DIFFS)

-include $(SIMULATE_SRC:%.c=$(O)/%.d)
