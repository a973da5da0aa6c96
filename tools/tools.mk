# Everything at once. A suite is a target check*-run in tests/*.mk that leaves a tally in $(O)/tests/.
SUITES = $(shell sed -n 's/^\(check[a-z0-9-]*run\):.*/\1/p' tests/*.mk)

.PHONY: test
## make test            installs what is missing, builds, runs every test
test:
	@tools/install.sh build test demo
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@rm -f $(O)/tests/*.tally
	@for suite in $(SUITES); do \
		$(MAKE) --no-print-directory $$suite || echo "0 1 0 $$suite" >>$(O)/tests/make.tally; \
	done
	@cat $(O)/tests/*.tally >$(O)/tests/total && tests/lib/count.sh total $(O)/tests/total
