# What being watched costs: see bench/overhead.py.
.PHONY: bench
## make bench           overhead with and without spantap, as ratios (BENCH="--rounds 3 --only redis")
bench:
	@tools/install.sh build demo bench
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@bench/overhead.py $(O)/spantap $(BENCH)

.PHONY: bench-hooks
## make bench-hooks     what watching each language runtime costs (BENCH="--rounds 3 --only node,go")
bench-hooks:
	@tools/install.sh build demo bench
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@bench/hooks.py $(O)/spantap $(BENCH)

.PHONY: bench-record
$(O)/bench/%: $(O)/bench/%.o $(LIB_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDFLAGS) $(LIBS)

## make bench-record    spans a second on one core and bytes a span of a recording (BENCH_SPANS=400000)
bench-record: $(O)/bench/record
	@$< $(BENCH_SPANS)

.PHONY: bench-analysis
$(O)/bench/analysis: $(O)/tests/lib/made.o

## make bench-analysis  processor time of the analysis per span
bench-analysis: $(O)/bench/analysis
	@$<

-include $(O)/bench/record.d $(O)/bench/analysis.d
