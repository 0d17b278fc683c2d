# Galley's one Makefile: `make help` lists the targets. Variables: BUILD (output folder), CC, SAN (sanitizers), SWITCH=ucontext.
VERSION  := 0.1.0
BUILD    ?= build
CC       ?= gcc
SAN      ?=
OPT      ?= -O2
PACKAGES := libevent_core libnghttp2 openssl msgpack libconfuse

WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wvla \
            -Wwrite-strings -Wformat -Werror=format-security -Wframe-larger-than=8192
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection=branch -fno-common -fno-omit-frame-pointer \
            -ftrivial-auto-var-init=zero
FORTIFY  := $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
CFLAGS   ?= $(OPT) -g
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. -Iinclude -fPIC -fvisibility=hidden -ftls-model=initial-exec $(WARN) $(WERROR) $(HARDEN) $(FORTIFY) \
            -DGALLEY_VERSION='"$(VERSION)"' $(if $(SAN),-fsanitize=$(SAN)) $(if $(filter ucontext,$(SWITCH)),-DGALLEY_SWITCH_UCONTEXT) \
            $(shell pkg-config --cflags $(PACKAGES)) $(CFLAGS)
LDHARD   := -Wl,-z,relro,-z,now,-z,noexecstack
LIBS     := $(shell pkg-config --libs $(PACKAGES)) -lpthread -ldl -lm
LD_SAN    = $(if $(SAN),-fsanitize=$(SAN))

LIB_SRC  := $(filter-out cli/main.c,$(wildcard common/*.c master/*.c worker/*.c worker/*/*.c cli/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%.so,$(wildcard examples/*.c))
UNITS    := $(patsubst t/unit/%.c,$(BUILD)/t/unit/%.t,$(shell find t/unit -name '*.c' 2>/dev/null))
TAPS     := $(wildcard t/*.t)

.PHONY: all units check lint fmt asan clean help
all: $(BUILD)/bin/galley $(BUILD)/lib/libgalley.so $(BUILD)/lib/libgalley.a $(EXAMPLES)    ## build everything

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/bin/galley: $(BUILD)/obj/cli/main.o $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) -pie -rdynamic $(LD_SAN) $(LDHARD) $^ $(LIBS) -o $@

$(BUILD)/lib/libgalley.so: $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) -shared -Wl,-soname,libgalley.so.0 $(LD_SAN) $(LDHARD) $^ $(LIBS) -o $@

$(BUILD)/lib/libgalley.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/examples/%.so: examples/%.c $(BUILD)/bin/galley
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -Wall -Wextra -Iinclude -fPIC -shared -fstack-clash-protection -fno-omit-frame-pointer $(if $(SAN),-fsanitize=$(SAN)) $(CFLAGS) -MMD -MP $< -o $@

$(BUILD)/t/unit/%.t: t/unit/%.c $(BUILD)/lib/libgalley.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -It -MMD -MP -pie $(LD_SAN) $< $(BUILD)/lib/libgalley.a $(LIBS) -lcmocka -o $@

units: $(UNITS)    ## build the unit tests

check: all units    ## build and run every test under prove
	CMOCKA_MESSAGE_OUTPUT=TAP BUILD=$(BUILD) prove -j2 $(if $(V),-v) --ext .t $(UNITS) $(TAPS)

fmt:    ## format every source file
	clang-format-14 -i $$(git ls-files '*.c' '*.h')

clean:    ## remove the build folder
	rm -rf $(BUILD)

help:    ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
