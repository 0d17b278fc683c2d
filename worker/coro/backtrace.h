/* backtrace.h - the way that led to where a thread stands.
 * Does:     follow frame pointers through code that keeps them (ours and the application's); find the way back into it from
 *           code that does not (libc), by the return addresses on the stack. Async-signal-safe, and good for a stack whose
 *           thread sleeps.
 * Does not: know names (common/symbols.h), allocate, or read outside of the bounds it is given.
 * See:      fault.c, watchdog.c, t/unit/worker/coro/backtrace.c */
#ifndef GALLEY_WORKER_CORO_BACKTRACE_H
#define GALLEY_WORKER_CORO_BACKTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

enum { BACKTRACE_SHOWN = 20, BACKTRACE_DEEP = 100000 };

/* The innermost first; the first is where it stands, the others are return addresses. */
struct backtrace {
    void *at[BACKTRACE_SHOWN];
    size_t count; /* in `at` */
    size_t depth; /* all that were found */
};

/* Registers, and the bounds within which the stack may be read; `sp` may be below (in a guard). */
struct backtrace_from {
    uintptr_t ip, sp, fp; /* fp 0: not known */
    uintptr_t link; /* the register with the return address, where there is one (aarch64); 0 */
    uintptr_t low, high;
};

/* Note all code that is mapped now. `ours` (may be NULL) is an address in an object that keeps frame pointers: its code
 * is known from now on, as is this program's own. Call it before a walk, and after each load of an object. At most 8 such. */
void backtrace_know(const void *ours);
/* Whether `address` is in code that was made known. */
bool backtrace_is_ours(const void *address);

/* The bounds of the calling thread's own stack; left as they are where it does not know. Not in a signal handler. */
void backtrace_own_stack(uintptr_t *low, uintptr_t *high);
void backtrace_registers(struct backtrace_from *from, const ucontext_t *uc);
void backtrace_take(struct backtrace *trace, const struct backtrace_from *from);

#endif
