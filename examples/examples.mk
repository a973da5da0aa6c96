# The demo: see examples/demo.py. The story: see examples/story.py.
.PHONY: demo story story-pictures
## make demo            installs what is missing, starts a slow shop, traces it, says what it found
demo:
	@tools/install.sh build demo
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@examples/demo.py $(O)/spantap

## make story           the slow shop: recorded, mended in three steps, each proved (examples/story/README.md)
story:
	@tools/install.sh build demo
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@examples/story.py $(O)/spantap $(O)/story

# The pictures of examples/story/README.md, made of what `make story` left. Needs Chromium.
story-pictures:
	@tools/install.sh build test
	@[ -e $(O)/story/diff-all.html ] || $(MAKE) --no-print-directory story
	@examples/story/pictures.py $(O)/spantap $(O)/story examples/story
