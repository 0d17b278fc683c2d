/* fault.c - what is said when a signal ends the worker.
 * Does:     one line that tells a coroutine's stack overflow (by the address, which lies in a guard; the signal's code
 *           differs between kinds of guards) from any other crash, and the frames.
 * Does not: allocate or lock before the line that matters is out. Names of functions come after it, from the dynamic linker
 *           and files, and an alarm ends it all should that hang.
 * See:      fault.h, stack.c, t/unit/worker/coro/fault.c */
#include "worker/coro/fault.h"

#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/symbols.h"
#include "worker/coro/backtrace.h"
#include "worker/coro/sched.h"

enum { STACK_MIN_BYTES = 64 << 10, REPORT_S = 5 };

/* Handlers have no argument of ours. One worker, one scheduler. */
static struct {
    struct sched *sched;
    fault_label_fn *label;
    char *stack;
    size_t stack_bytes;
    uintptr_t loop_low, loop_high; /* the loop's own stack */
} the_fault;

static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { CAUGHT_COUNT = sizeof caught / sizeof caught[0] };

/* ---- text without stdio ---- */

struct line {
    char text[512];
    size_t len;
};

static void put(struct line *line, const char *text)
{
    while (*text && line->len < sizeof line->text - 1)
        line->text[line->len++] = *text++;
}

static void put_number(struct line *line, uint64_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    put(line, digits + at);
}

static bool put_label(struct line *line, const galley_async *co)
{
    char label[256] = "";
    if (!the_fault.label || !the_fault.label(co, label, sizeof label) || !label[0])
        return false;
    put(line, label);
    return true;
}

static void put_name(struct line *line, const galley_async *co)
{
    put(line, co->name ? co->name : "?");
    if (co->line > 0) {
        put(line, " (");
        put(line, co->file);
        put(line, ":");
        put_number(line, (uint64_t)co->line, 10);
        put(line, ")");
    }
}

static void say(struct line *line)
{
    line->text[line->len++] = '\n';
    ssize_t written = write(log_get_fd(), line->text, line->len);
    (void)written;
}

static void show_frames(const struct backtrace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        struct line line = {.len = 0};
        struct symbol symbol;
        char text[SYMBOL_NAME_BYTES + 64] = "";
        uintptr_t address = (uintptr_t)trace->at[i] - (i > 0); /* of the call, not behind it */
        if (symbol_find(address, &symbol))
            symbol_write(&symbol, text, sizeof text);
        put(&line, "  ");
        if (text[0] == '\0')
            put_number(&line, address, 16);
        put(&line, text);
        say(&line);
    }
    if (trace->depth > trace->count) {
        struct line line = {.len = 0};
        put(&line, "  ... ");
        put_number(&line, trace->depth - trace->count, 10);
        put(&line, " frames more");
        say(&line);
    }
}

/* ---- the handler ---- */

static void say_overflow(const galley_async *co, size_t depth)
{
    struct line line = {.len = 0};
    put(&line, "coroutine stack overflow: ");
    bool has_label = put_label(&line, co);
    if (!has_label)
        put_name(&line, co);
    put(&line, ", ");
    put_number(&line, the_fault.sched->stacks.stack_bytes >> 10, 10);
    put(&line, " KiB, ");
    if (has_label) {
        put(&line, "in ");
        put_name(&line, co);
        put(&line, ", ");
    }
    put_number(&line, depth, 10);
    put(&line, depth == 1 ? " frame" : " frames");
    say(&line);
}

static void say_crash(int signal, const siginfo_t *info, const galley_async *co)
{
    struct line line = {.len = 0};
    const char *name = sigabbrev_np(signal);
    put(&line, "worker crashed: SIG");
    put(&line, name ? name : "?");
    if (signal != SIGABRT && info->si_code > 0) {
        put(&line, " at address 0x");
        put_number(&line, (uintptr_t)info->si_addr, 16);
    }
    if (co) {
        put(&line, " in ");
        if (put_label(&line, co))
            put(&line, ", ");
        put_name(&line, co);
    }
    say(&line);
}

static void fault_happened(int signal, siginfo_t *info, void *context)
{
    const struct sched *sched = the_fault.sched;
    struct backtrace_from from = {.low = the_fault.loop_low, .high = the_fault.loop_high};
    struct backtrace trace;
    bool is_in_guard = false, is_sp_in_guard = false;
    alarm(REPORT_S);
    backtrace_registers(&from, context);

    const galley_async *co = stack_find(&sched->stacks, (void *)from.sp, &is_sp_in_guard);
    const galley_async *hit = NULL;
    if (signal != SIGABRT && info->si_code > 0)
        hit = stack_find(&sched->stacks, info->si_addr, &is_in_guard);
    if (co) {
        from.low = (uintptr_t)co->stack_low;
        from.high = (uintptr_t)co;
    }
    backtrace_take(&trace, &from);
    if (hit && is_in_guard && sched->current)
        say_overflow(sched->current, trace.depth);
    else
        say_crash(signal, info, co ? co : sched->current);
    show_frames(&trace);
    if (signal == SIGABRT && info->si_code <= 0 && info->si_pid != getpid())
        sched_dump(the_fault.sched); /* the master has lost patience: who else was there? */
    if (info->si_code <= 0)          /* sent by somebody: it would not come again by itself */
        raise(signal);
}

int fault_install(struct sched *sched)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = 4 * (size_t)getauxval(AT_MINSIGSTKSZ);
    if (bytes < STACK_MIN_BYTES)
        bytes = STACK_MIN_BYTES;
    bytes = (bytes + page - 1) & ~(page - 1);
    backtrace_know(NULL);
    char *stack =
        mmap(NULL, page + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return -errno;
    mprotect(stack, page, PROT_NONE);
    const stack_t alternate = {.ss_sp = stack + page, .ss_size = bytes};
    if (sigaltstack(&alternate, NULL) < 0) {
        munmap(stack, page + bytes);
        return -errno;
    }
    the_fault.sched = sched;
    the_fault.stack = stack;
    the_fault.stack_bytes = page + bytes;
    backtrace_own_stack(&the_fault.loop_low, &the_fault.loop_high);
    struct sigaction action = {.sa_sigaction = fault_happened,
                               .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        sigaction(caught[i], &action, NULL);
    return 0;
}

void fault_set_label(fault_label_fn *label)
{
    the_fault.label = label;
}

void fault_remove(void)
{
    if (!the_fault.stack)
        return;
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        sigaction(caught[i], &action, NULL);
    const stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    munmap(the_fault.stack, the_fault.stack_bytes);
    the_fault.stack = NULL;
    the_fault.sched = NULL;
}
