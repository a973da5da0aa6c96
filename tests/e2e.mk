# Tests against real servers, as root; where that cannot be they say why they are skipped.
# T="redis nginx" runs only those. E2E_CAPTURE=syscall captures in another way, E2E_RATE_SECONDS=60 keeps up
# nginx's 2,000 requests a second for as long as issue 3 says, E2E_SECONDS bounds one file.

E2E_TALLY := $(O)/tests/e2e.tally
E2E_ALL := $(sort $(wildcard tests/e2e/test_*.py)) tests/e2e/demo.sh tests/e2e/story.sh tests/e2e/bench.sh
E2E_TESTS = $(if $(T),$(foreach name,$(T),$(wildcard tests/e2e/test_$(name).py tests/e2e/$(name).sh)),$(E2E_ALL))
E2E_SECONDS ?= 600

.PHONY: check-e2e check-e2e-run
## make check-e2e       against real servers: nginx, Flask, gunicorn, PostgreSQL, MariaDB, Redis (T="redis")
check-e2e: check-e2e-run
	@tests/lib/count.sh total $(E2E_TALLY)

check-e2e-run: all $(O)/tests/tools/import_lines
	@tests/lib/count.sh start $(E2E_TALLY)
	@for test in $(E2E_TESTS); do \
		SPANTAP=$(O)/spantap tests/lib/count.sh run $(E2E_TALLY) $$test \
			timeout -k 60 $(E2E_SECONDS) $$test; \
	done
