/* fault.h - the last words of a worker that crashes.
 * Does:     tell a coroutine's stack overflow from other faults by its address, name the coroutine and what it
 *           served, print frames; then let the signal take its course (a core, the master's notice).
 * Does not: survive. */
#ifndef GALLEY_WORKER_CORO_FAULT_H
#define GALLEY_WORKER_CORO_FAULT_H

#include "worker/coro/coro.h"

/* What a coroutine works on ("GET /x"), into `text`, NUL-terminated. Runs in a signal handler: plain copying only.
 * False: its own name will do. */
typedef bool fault_label_fn(const galley_async *co, char *text, size_t size);

/* Handle SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT of this process, on a stack of their own. 0, -errno. */
int fault_install(struct sched *sched);
void fault_set_label(fault_label_fn *label);
/* Take the handlers and their stack away again. */
void fault_remove(void);

#endif
