# Everything at once. A suite is a target check*-run in tests/*.mk or here that leaves a tally in $(O)/tests/.
SUITES = $(shell sed -n 's/^\(check[a-z0-9-]*run\):.*/\1/p' tests/*.mk tools/*.mk)

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

# What is true of the source as it stands.
LINT_TALLY := $(O)/tests/lint.tally

.PHONY: check-lint-run lint btfcheck format
check-lint-run:
	@tests/lib/count.sh start $(LINT_TALLY)
	@tests/lib/count.sh run $(LINT_TALLY) tools/lint tools/lint
	@tests/lib/count.sh run $(LINT_TALLY) tools/btfcheck tools/btfcheck

## make lint            banned calls, licences, guards, BPF for arm64, its stack; long functions and files
lint:
	@tools/lint $(FILES)

## make btfcheck        vmlinux.h against the running kernel's types
btfcheck:
	@tools/btfcheck

## make format          clang-format over FILES="...", else over what differs from the last commit
format:
	@files="$(or $(FILES),$$(git diff --name-only --diff-filter=d HEAD -- '*.c' '*.h'))"; \
	[ -z "$$files" ] || clang-format -i $$files
