/* backtrace.c - the walk over a stack on another processor: run by qemu, without a test library (`make aarch64`).
 * Does:     walk from the bottom of three functions; the way must be this one.
 * Does not: know names: a return address belongs to the function that begins last before it. */
#include "worker/coro/backtrace.c"

#include <stdio.h>

static struct backtrace trace;
static uintptr_t top; /* of what may be read */

static __attribute__((noinline)) int look_around(void)
{
    static char here;
    ucontext_t uc;
    struct backtrace_from from;
    getcontext(&uc);
    backtrace_registers(&from, &uc);
    from.low = from.sp;
    from.high = top;
    backtrace_take(&trace, &from);
    return (int)trace.count + here;
}

static __attribute__((noinline)) int middle(int x)
{
    return look_around() + x;
}

static __attribute__((noinline)) int outer(int x)
{
    return middle(x) * 2;
}

/* Whether `function` is on the way, at most `bytes` long, not before frame `from`; the frame after it, 0: it is not. */
static size_t passes(size_t from, uintptr_t function, uintptr_t bytes)
{
    for (size_t i = from; i < trace.count; i++)
        if ((uintptr_t)trace.at[i] - function < bytes)
            return i + 1;
    return 0;
}

int main(void)
{
    char local[64] = "";
    top = (uintptr_t)local + sizeof local;
    backtrace_know(NULL);
    outer(1);
    size_t at = passes(1, (uintptr_t)middle, 64);
    bool is_right = at == 2 && passes(at, (uintptr_t)outer, 64) == 3;
    printf("%s 1 - three functions, %zu frames\n1..1\n", is_right ? "ok" : "not ok", trace.count);
    return is_right ? 0 : 1;
}
