# What being watched costs: see bench/overhead.py.
.PHONY: bench
## make bench           overhead with and without spantap, as ratios (BENCH="--rounds 3 --only redis")
bench:
	@tools/install.sh build demo bench
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@bench/overhead.py $(O)/spantap $(BENCH)
