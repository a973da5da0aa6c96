# The tests that need a kernel, under other kernels: see tests/lib/guest.sh. K is the kernel's series.

K ?= 6.1
GUEST_TALLY := $(O)/tests/guest.tally
GUEST_LIMIT ?= 7200
GUEST_E2E = $(wildcard tests/e2e/test_*.py)
GUEST_BPF := $(patsubst %.c,$(O)/%,$(wildcard tests/bpf/test_*.c))
GUEST_ALL = tools/btfcheck $(GUEST_BPF) tests/e2e/demo.sh $(GUEST_E2E:%="/usr/bin/python3 %")
GUEST_QUICK = tools/btfcheck $(GUEST_BPF) tests/e2e/demo.sh "/usr/bin/python3 tests/e2e/test_redis.py Redis.test_client Redis.test_pipelines_server"

# Longer and with less to do: all is some 30 times slower there.
in_guest = tests/lib/guest.sh -k $(K) -t $(GUEST_LIMIT) env DEMO_SECONDS=40 DEMO_RATE=1.5 DEMO_TOLERANCE=8 tests/lib/in_guest.sh $(O)/spantap

.PHONY: check-guest check-guest-run

## make check-guest     hooks, end-to-end tests and demo under another kernel (K=5.10, 6.1 or 6.12)
check-guest: all $(GUEST_BPF) $(O)/tests/tools/import_lines
	@tests/lib/guest.sh -n -k $(K)
	@tests/lib/count.sh start $(GUEST_TALLY)
	@tests/lib/count.sh run $(GUEST_TALLY) "guest $(K)" $(in_guest) $(GUEST_ALL)
	@tests/lib/count.sh total $(GUEST_TALLY)

# The short form for `make test`: three minutes, and said aloud where no guest can be had.
check-guest-run: all $(GUEST_BPF)
	@tests/lib/count.sh start $(GUEST_TALLY)
	@if reason=$$(tests/lib/guest.sh -n -k $(K) 2>&1); then \
		tests/lib/count.sh run $(GUEST_TALLY) "guest $(K)" $(in_guest) $(GUEST_QUICK); \
	else \
		tests/lib/count.sh skip $(GUEST_TALLY) "guest $(K)" "$$reason"; \
	fi
