# The demo: see examples/demo.py.
.PHONY: demo
## make demo            installs what is missing, starts a slow shop, traces it, says what it found
demo:
	@tools/install.sh build demo
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@examples/demo.py $(O)/spantap
