# Galley's one Makefile; `make help` lists the targets. Variables:
#   BUILD=folder   where everything goes (build)        CC=gcc|clang-14       OPT=-O2
#   SAN=list       sanitizers, as in -fsanitize=list     WERROR=-Werror        SWITCH=ucontext  the portable switch
#   T=file         one test, for `make test` and `make gdb`                    V=1  show commands and test output
#   PREFIX, DESTDIR, SYSCONFDIR, LIBDIR, MANDIR, UNITDIR   for `make install`
VERSION  := 0.1.0
SONAME   := libgalley.so.0
BUILD    ?= build
SAN      ?=
OPT      ?= -O2
T        ?=
JOBS     ?= 2
FUZZ_SECONDS ?= 60
PACKAGES := libevent_core libnghttp2 openssl msgpack libconfuse libpcre2-8 libcurl libpq sqlite3 hiredis
ifeq ($(origin CC),default)
CC       := gcc
endif
Q        := $(if $(V),,@)
begin     = @mkdir -p $(@D)$(if $(V),,; printf '  %-5s %s\n' $(1) $@)

# ---- flags ----
WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual \
            -Wvla -Wwrite-strings -Wformat -Werror=format-security $(if $(SAN),,-Wframe-larger-than=8192)
# Shadow stacks are not asked for (the context switch moves the stack pointer), indirect branch tracking is.
CET      := $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),-fcf-protection=branch)
HARDEN   := -fstack-protector-strong -fstack-clash-protection $(CET) -fno-common -fno-omit-frame-pointer \
            -fno-semantic-interposition -fno-plt
FORTIFY  := $(if $(SAN)$(filter -O0,$(OPT)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined)
CFLAGS   ?= -g
APPFLAGS := -std=gnu17 -Wall -Wextra $(WERROR) -Iinclude -fPIC $(HARDEN) $(FORTIFY) $(SANFLAGS) $(OPT) $(CFLAGS)
PKGFLAGS := $(filter-out -I/usr/include/%-linux-gnu,$(shell pkg-config --cflags $(PACKAGES)))
LIBS     := $(shell pkg-config --libs $(PACKAGES)) -lpthread -ldl -lm
LIBFLAGS := -std=gnu17 -D_GNU_SOURCE -I. -Iinclude -fPIC -fvisibility=hidden -ftls-model=initial-exec $(WARN) $(WERROR) \
            $(HARDEN) $(FORTIFY) -DGALLEY_VERSION=\"$(VERSION)\" $(if $(filter ucontext,$(SWITCH)),-DGALLEY_SWITCH_UCONTEXT) \
            $(DEFINES) $(SANFLAGS) $(PKGFLAGS) $(OPT) $(CFLAGS)
LDFLAGS_ := -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(SANFLAGS) $(LDFLAGS)
TESTFLAGS = $(LIBFLAGS) -It -Wno-missing-prototypes -Wno-frame-larger-than

# ---- what there is: everything is found by its path ----
LIB_SRC  := $(filter-out cli/main.c,$(wildcard common/*.c master/*.c worker/*.c worker/*/*.c cli/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
EXAMPLES := $(patsubst %.c,$(BUILD)/%.so,$(wildcard examples/*.c examples/*/*.c))
UNIT_SRC := $(shell find t/unit -name '*.c' 2>/dev/null | sort)
UNITS    := $(UNIT_SRC:%.c=$(BUILD)/%.t)
APPS     := $(patsubst %.c,$(BUILD)/%.so,$(wildcard t/apps/*.c t/preload/*.c bench/async/*.c) $(filter-out %-test.c,$(wildcard docs/tutorial/*.c)))
LESSONS  := $(patsubst %.c,$(BUILD)/%,$(wildcard docs/tutorial/*-test.c))
TOOLS    := $(patsubst %.c,$(BUILD)/%,$(wildcard t/tools/*.c))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/*.c))
FUZZERS  := $(patsubst %.c,$(BUILD)/%,$(wildcard t/fuzz/*.c))
CORPORA  := $(FUZZERS:$(BUILD)/t/fuzz/%=$(BUILD)/t/corpus/%)
TAPS     := $(sort $(wildcard t/*.t))
COMMANDS := $(if $(filter build,$(BUILD)),compile_commands.json)
PRODUCTS := $(if $(wildcard cli/main.c),$(BUILD)/bin/galley) $(if $(LIB_SRC),$(BUILD)/lib/libgalley.so $(BUILD)/lib/libgalley.a) \
            $(BUILD)/lib/galley.pc

.PHONY: all swagger-ui units prepare check test conformance lint fmt asan valgrind tsan tsan-or-valgrind ucontext aarch64 cross bench soak fuzz gdb install uninstall dist clean help FORCE
.DELETE_ON_ERROR:
all: $(PRODUCTS) $(EXAMPLES) $(COMMANDS)    ## build the program, the libraries and the examples

# Objects are made again when the compiler or a flag changes.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(LIBFLAGS) $(LDFLAGS_) $(APPFLAGS)' | cmp -s - $@ || printf '%s\n' '$(CC) $(LIBFLAGS) $(LDFLAGS_) $(APPFLAGS)' > $@

# Swagger UI is fetched once for all build folders; the pages are part of the program.
SWAGGER_UI := build/swagger-ui
$(SWAGGER_UI)/fetched: scripts/fetch-swagger-ui
	$(Q)scripts/fetch-swagger-ui $(SWAGGER_UI)
swagger-ui:    ## fetch Swagger UI again, where the build could not
	rm -f $(SWAGGER_UI)/fetched && $(MAKE) $(SWAGGER_UI)/fetched
$(BUILD)/obj/worker/app/docs_assets.o: private LIBFLAGS += -DGALLEY_SWAGGER_UI=\"$(SWAGGER_UI)\"
$(BUILD)/obj/worker/app/docs_assets.o: $(SWAGGER_UI)/fetched $(wildcard worker/app/pages/*)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(call begin,CC)
	$(Q)$(CC) $(LIBFLAGS) -MMD -MP -c $< -o $@

# Nothing but galley_* leaves the program (to applications) or the library.
$(BUILD)/exports.list: Makefile
	@mkdir -p $(@D)
	@echo '{ galley_*; };' > $@
$(BUILD)/exports.map: Makefile
	@mkdir -p $(@D)
	@echo '{ global: galley_*; local: *; };' > $@

$(BUILD)/bin/galley: $(BUILD)/obj/cli/main.o $(LIB_OBJ) $(BUILD)/exports.list
	$(call begin,LINK)
	$(Q)$(CC) -pie -Wl,--dynamic-list=$(BUILD)/exports.list $(LDFLAGS_) $(filter %.o,$^) $(LIBS) -o $@

$(BUILD)/lib/libgalley.so: $(LIB_OBJ) $(BUILD)/exports.map
	$(call begin,LINK)
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME),--version-script=$(BUILD)/exports.map $(LDFLAGS_) $(filter %.o,$^) $(LIBS) -o $(@D)/$(SONAME)
	$(Q)ln -sf $(SONAME) $@

$(BUILD)/lib/libgalley.a: $(LIB_OBJ)
	$(call begin,AR)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/lib/galley.pc: galley.pc.in FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@PACKAGES@|$(PACKAGES)|' galley.pc.in > $@.$$$$ && mv $@.$$$$ $@

# Applications are compiled as anybody's would be; examples and the tests' own.
$(EXAMPLES) $(APPS): $(BUILD)/%.so: %.c $(BUILD)/flags
	$(call begin,APP)
	$(Q)$(CC) $(APPFLAGS) -shared -MMD -MP -MF $(@:.so=.d) $< $(APPLIBS) -o $@
$(BUILD)/t/apps/forms.so: APPLIBS := -lcrypto

$(UNITS): $(BUILD)/%.t: %.c $(BUILD)/lib/libgalley.a $(BUILD)/flags
	$(call begin,UNIT)
	$(Q)$(CC) $(TESTFLAGS) -MMD -MP -MF $(@:.t=.d) -pie $(LDFLAGS_) $< $(BUILD)/lib/libgalley.a $(LIBS) -lcmocka -o $@

# The tutorial's test programs, each with the application it tests.
$(LESSONS): $(BUILD)/%-test: %-test.c %.c $(BUILD)/lib/libgalley.a $(BUILD)/flags
	$(call begin,TEST)
	$(Q)$(CC) $(APPFLAGS) -pie $(LDFLAGS_) $(filter %.c %.a,$^) $(LIBS) -o $@

$(BENCHES) $(TOOLS): $(BUILD)/%: %.c $(if $(LIB_SRC),$(BUILD)/lib/libgalley.a) $(BUILD)/flags
	$(call begin,TOOL)
	$(Q)$(CC) $(TESTFLAGS) -MMD -MP -MF $@.d -pie $(LDFLAGS_) $< $(filter %.a,$^) $(LIBS) -o $@

$(FUZZERS): $(BUILD)/%: %.c $(BUILD)/lib/libgalley.a $(BUILD)/flags
	$(call begin,FUZZ)
	$(Q)$(CC) $(TESTFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d $< $(BUILD)/lib/libgalley.a $(LIBS) -o $@

# The same targets without a fuzzer, for the kept corpora.
$(CORPORA): $(BUILD)/t/corpus/%: t/fuzz/%.c t/lib/corpus.c $(BUILD)/lib/libgalley.a $(BUILD)/flags
	$(call begin,TOOL)
	$(Q)$(CC) $(TESTFLAGS) -MMD -MP -MF $@.d -pie $(LDFLAGS_) $< t/lib/corpus.c $(BUILD)/lib/libgalley.a $(LIBS) -o $@

# For editors and clang tools: one entry a source file, with the flags of the last build.
quoted = $(subst ",\",$(subst \,\\,$(1)))
entry  = $(if $(filter-out $(firstword $(EDITED)),$(1)),$(comma)){"directory":"$(CURDIR)","file":"$(1)","command":"$(call quoted,$(CC) $(TESTFLAGS) -c $(1))"}
comma := ,
EDITED = $(LIB_SRC) $(wildcard cli/main.c) $(UNIT_SRC) $(wildcard examples/*.c examples/*/*.c docs/tutorial/*.c t/apps/*.c t/tools/*.c t/fuzz/*.c bench/*.c)
compile_commands.json: $(BUILD)/flags $(LIB_SRC) $(UNIT_SRC)
	$(file >$@,[)$(foreach f,$(EDITED),$(file >>$@,$(call entry,$(f))))$(file >>$@,])@:

# ---- tests ----
units: $(UNITS)    ## build the unit tests

PROVE = CMOCKA_MESSAGE_OUTPUT=TAP BUILD=$(BUILD) prove -j$(JOBS) $(if $(V),-v) --exec t/lib/run-test --ext .t
prepare: all units $(APPS) $(LESSONS) $(TOOLS) $(if $(TAPS),$(CORPORA))    ## build what the tests need
check: prepare    ## run every test
	$(PROVE) $(UNITS) $(TAPS)

TARGET = $(if $(filter %.c,$(T)),$(BUILD)/$(T:.c=.t))
test: all $(APPS) $(LESSONS) $(TOOLS) $(TARGET) $(if $(findstring corpora,$(T)),$(CORPORA))    ## run one test: make test T=t/unit/common/arena.c, or T=t/06-server.t
	$(PROVE) -v $(if $(TARGET),$(TARGET),$(T))

gdb: all $(APPS) $(LESSONS) $(TOOLS) $(TARGET)    ## debug one unit test (T=t/unit/...c), or stop a process test where it fails (T=t/...t)
	$(if $(TARGET),gdb -ex run --args $(TARGET),BUILD=$(BUILD) GALLEY_DEBUG=1 perl -It/lib $(T))

ASAN = BUILD=$(BUILD)/asan SAN=address,undefined OPT=-O1
asan:    ## the whole suite under AddressSanitizer, LeakSanitizer and UBSan (folder $(BUILD)/asan)
	$(MAKE) -j$(JOBS) prepare $(ASAN)
	$(MAKE) check $(ASAN) ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0
	$(MAKE) check $(ASAN) ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 TAPS=
ifneq ($(SAN),)
export ASAN_OPTIONS
export UBSAN_OPTIONS := print_stacktrace=1
export LSAN_OPTIONS  := suppressions=$(CURDIR)/t/lsan.supp:print_suppressions=0
endif

# A build of its own tells valgrind of the coroutine stacks. Every process test that runs our program runs it there, commands
# and upgraded masters included, but those that would test valgrind: a debugger on the worker (48-gdb), the watchdog, which
# valgrind's system calls do not allow (49-blocked), the memory of the process as others see it (78-memory), and a malloc that
# fails, which valgrind replaces (38-no-memory, 39-no-memory-start). Threads run in turns, so that none starves the loop.
NO_VALGRIND   := 38-no-memory.t 39-no-memory-start.t 48-gdb.t 49-blocked.t 78-memory.t
VALGRIND      := valgrind -q --vgdb=no --fair-sched=try --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --trace-children=yes --trace-children-skip=/bin/*,/usr/* --suppressions=$(CURDIR)/t/valgrind.supp
VALGRIND_TAPS ?= $(filter-out $(addprefix t/,$(NO_VALGRIND)),$(shell grep -lE 'Galley::Test->|galley_(command|words)' $(TAPS) /dev/null))
valgrind:    ## units and all process tests that can under valgrind (folder $(BUILD)/valgrind)
	$(MAKE) all units $(patsubst $(BUILD)/%,$(BUILD)/valgrind/%,$(APPS) $(LESSONS) $(TOOLS)) BUILD=$(BUILD)/valgrind OPT=-O1 DEFINES=-DGALLEY_VALGRIND
	UNIT_WRAP='$(VALGRIND)' GALLEY_SLOW=20 $(PROVE) $(patsubst $(BUILD)/%,$(BUILD)/valgrind/%,$(UNITS))
	$(if $(VALGRIND_TAPS),GALLEY_SLOW=20 GALLEY_WRAP='$(VALGRIND)' $(subst BUILD=$(BUILD),BUILD=$(BUILD)/valgrind,$(PROVE)) $(VALGRIND_TAPS))
tsan-or-valgrind: tsan valgrind

tsan:    ## the threads, and what hands them work, under ThreadSanitizer, which knows 8,128 stacks at most (folder $(BUILD)/tsan)
	$(MAKE) check BUILD=$(BUILD)/tsan SAN=thread OPT=-O1 CFLAGS='-g -Wno-tsan' GALLEY_SLOW=5 TSAN_OPTIONS=report_thread_leaks=0 LESSONS= \
	    UNIT_SRC='$(wildcard t/unit/worker/coro/[cpsw]*.c t/unit/worker/io/[rs]*.c)' TAPS='$(wildcard t/31-*.t t/70-*.t t/80-*.t t/9[018]-*.t)'

ucontext:    ## the coroutine units with the portable context switch (folder $(BUILD)/ucontext)
	$(MAKE) check BUILD=$(BUILD)/ucontext SWITCH=ucontext EXAMPLES= APPS= LESSONS= TOOLS= TAPS= PRODUCTS= \
	    UNIT_SRC='$(filter t/unit/worker/coro/%,$(UNIT_SRC))'

aarch64:    ## the context switch built for aarch64 and run by qemu-aarch64 (folder $(BUILD)/aarch64)
	@set -e; mkdir -p $(BUILD)/aarch64; for t in $(basename $(notdir $(wildcard t/cross/*.c))); do \
	    $(MAKE) -s cross CC=aarch64-linux-gnu-gcc CROSS=$$t; echo "== aarch64 $$t"; qemu-aarch64 $(BUILD)/aarch64/$$t; done
cross:
	$(CC) $(TESTFLAGS) -static t/cross/$(CROSS).c -o $(BUILD)/aarch64/$(CROSS)

FUZZ_BUILD = BUILD=$(BUILD)/fuzz CC=clang-14 SAN=address,undefined,fuzzer-no-link OPT=-O1
fuzz:    ## run every fuzz target for FUZZ_SECONDS with its kept corpus (clang)
	$(MAKE) $(FUZZERS:$(BUILD)/%=$(BUILD)/fuzz/%) $(FUZZ_BUILD)
	@set -e; for f in $(FUZZERS:$(BUILD)/t/fuzz/%=%); do mkdir -p $(BUILD)/fuzz/corpus/$$f t/fuzz/corpus/$$f; \
	    echo "== $$f, $(FUZZ_SECONDS) s"; (cd $(BUILD)/fuzz && t/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=1024 \
	    -print_final_stats=1 corpus/$$f $(CURDIR)/t/fuzz/corpus/$$f 2>$$f.log || { tail -40 $$f.log; exit 1; }; grep -E 'stat::(number|peak)' $$f.log); done
soak: all $(APPS) $(LESSONS) $(TOOLS)    ## the process tests with their long loops (100 reloads and the like)
	GALLEY_SOAK=1 $(PROVE) -v $(if $(T),$(T),$(TAPS))
bench: all $(BENCHES)    ## CPU time per request beside a bare epoll loop, nginx and h2o
	BUILD=$(BUILD) bench/run $(ARGS)
conformance: all $(APPS)    ## strangers' judgement, which needs PyPI: Schemathesis of the documents, sslyze and testssl.sh of TLS
	BUILD=$(BUILD) scripts/conformance
	BUILD=$(BUILD) scripts/scan-tls
lint:    ## house rules: includes, library homes, banned calls, lengths, comments, format
	scripts/lint
fmt:    ## format every source file
	clang-format-14 -i $$(git ls-files '*.c' '*.h')

# ---- installation ----
PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
MANDIR     ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
UNITDIR    ?= /lib/systemd/system
D           = $(DESTDIR)
install: all    ## install below DESTDIR/PREFIX
	install -d $(D)$(PREFIX)/bin $(D)$(LIBDIR)/pkgconfig $(D)$(PREFIX)/include/galley $(D)$(MANDIR)/man1 \
	    $(D)$(SYSCONFDIR)/galley $(D)$(SYSCONFDIR)/init.d $(D)$(UNITDIR)
	install -m 755 $(BUILD)/bin/galley $(D)$(PREFIX)/bin/
	install -m 755 $(BUILD)/lib/$(SONAME) $(D)$(LIBDIR)/
	ln -sf $(SONAME) $(D)$(LIBDIR)/libgalley.so
	install -m 644 $(BUILD)/lib/libgalley.a $(D)$(LIBDIR)/
	install -m 644 $(BUILD)/lib/galley.pc $(D)$(LIBDIR)/pkgconfig/
	install -m 644 include/galley.h $(D)$(PREFIX)/include/
	install -m 644 include/galley/*.h $(D)$(PREFIX)/include/galley/
	install -d $(D)$(PREFIX)/share/doc/galley
	test ! -s $(SWAGGER_UI)/LICENSE || install -m 644 $(SWAGGER_UI)/LICENSE $(D)$(PREFIX)/share/doc/galley/LICENSE.swagger-ui
	test ! -s $(SWAGGER_UI)/NOTICE || install -m 644 $(SWAGGER_UI)/NOTICE $(D)$(PREFIX)/share/doc/galley/NOTICE.swagger-ui
	test ! -e docs/galley.1 || install -m 644 docs/galley.1 $(D)$(MANDIR)/man1/
	test ! -e etc/galley.service || install -m 644 etc/galley.service $(D)$(UNITDIR)/
	test ! -e etc/init.d/galley || install -m 755 etc/init.d/galley $(D)$(SYSCONFDIR)/init.d/
	test ! -e etc/galley.conf || test -e $(D)$(SYSCONFDIR)/galley/galley.conf || install -m 644 etc/galley.conf $(D)$(SYSCONFDIR)/galley/
uninstall:    ## remove what install put there; the configuration stays
	rm -f $(D)$(PREFIX)/bin/galley $(addprefix $(D)$(LIBDIR)/,$(SONAME) libgalley.so libgalley.a pkgconfig/galley.pc) \
	    $(D)$(PREFIX)/include/galley.h $(D)$(MANDIR)/man1/galley.1 $(D)$(UNITDIR)/galley.service $(D)$(SYSCONFDIR)/init.d/galley
	rm -rf $(D)$(PREFIX)/include/galley $(D)$(PREFIX)/share/doc/galley
dist:    ## a tarball of the committed tree
	@mkdir -p $(BUILD)
	git archive --prefix=galley-$(VERSION)/ -o $(BUILD)/galley-$(VERSION).tar.gz HEAD
clean:    ## remove the build folder
	rm -rf $(BUILD) compile_commands.json
help:    ## list the targets
	@sed -n 's/^\([a-z-]*\):.*    ## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

-include $(shell find $(BUILD)/obj $(BUILD)/t $(BUILD)/examples $(BUILD)/docs $(BUILD)/bench -name '*.d' 2>/dev/null)
