# spantap: the whole build. `make help` lists what it can do.
# Objects, skeletons and the binary go to build/ (O=DIR elsewhere); V=1 shows commands, DEBUG=1 builds with
# -O0 -g, SAN=1 with address and undefined-behaviour sanitizers.

O ?= build
CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/lib/linux-tools/*/bpftool) $(shell command -v bpftool) /usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

UNAME_M := $(shell uname -m)
BPF_ARCH := $(if $(filter x86_64,$(UNAME_M)),x86,$(if $(filter aarch64,$(UNAME_M)),arm64,unsupported))

CFLAGS ?= $(if $(DEBUG),-O0 -g3,-O2 -g)
comma := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wenum-compare -Wvla
ALL_CFLAGS := -std=gnu17 $(CFLAGS) $(SANFLAGS) $(WARN) -I. -I$(O) -D_GNU_SOURCE -DSPANTAP_VERSION='"$(VERSION)"' -MMD -MP
BPF_CFLAGS := -std=gnu17 -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -I. -isystem vmlinux \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-declarations -MD -MP
LIBS := -lbpf -lelf -lz -lcurl -lpcap $(if $(wildcard /usr/include/capstone),-lcapstone) -lsqlite3 -lncursesw -ltinfo -lm -lpthread

# Sources find themselves: a new file needs no line here.
BPF_SRC := $(wildcard bpf/*.bpf.c uprobes/*.bpf.c)
BPF_OBJ := $(BPF_SRC:%.bpf.c=$(O)/%.bpf.o)
SKELETONS := $(BPF_SRC:%.bpf.c=$(O)/%.skel.h)
C_SRC := $(filter-out %.bpf.c,$(wildcard userspace/*.c userspace/*/*.c uprobes/*.c exporters/*.c))
C_OBJ := $(C_SRC:%.c=$(O)/%.o)
LIB_OBJ := $(filter-out $(O)/userspace/main.o,$(C_OBJ))

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(O)/%)
TESTLIB_OBJ := $(patsubst %.c,$(O)/%.o,$(wildcard tests/lib/*.c))

.PHONY: all help
all: $(O)/spantap

help:
	@sed -n 's/^## //p' Makefile */*.mk

## make                 build/spantap, without root
$(O)/spantap: $(C_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDFLAGS) $(LIBS)

$(O)/%.bpf.o: %.bpf.c
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@.tmp -MF $(@:.o=.d) -MT $@
	$(Q)llvm-strip -g $@.tmp -o $@ 2>/dev/null || mv $@.tmp $@
	@rm -f $@.tmp

# The skeleton's name: bpf/packet.bpf.c -> packet_bpf ("socket" alone would clash with the system call).
$(O)/%.skel.h: $(O)/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@.tmp && mv $@.tmp $@

$(O)/%.o: %.c | $(SKELETONS)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

# What .incbin puts into it, which -MMD does not see.
$(O)/userspace/report/html_page.o: $(wildcard userspace/report/page/*)

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(TESTLIB_OBJ) $(LIB_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka

.SECONDARY:

include $(wildcard tests/*.mk examples/examples.mk bench/bench.mk tools/tools.mk)

.PHONY: install clean
## make install         the binary to $(DESTDIR)/usr/local/bin
install: all
	install -D -m 755 $(O)/spantap $(DESTDIR)/usr/local/bin/spantap

## make clean           removes build/
clean:
	rm -rf $(O)

-include $(C_OBJ:.o=.d) $(BPF_OBJ:.o=.d) $(UNIT_BIN:%=%.d) $(TESTLIB_OBJ:.o=.d)
