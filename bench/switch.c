/* switch.c - what one context switch costs, in nanoseconds.
 * Does:     go to another stack and back, in a thousand short runs; prints the quickest.
 * Does not: measure the scheduler; see worker/coro/ctx.h for the switch itself. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "worker/coro/ctx.h"

enum { ROUNDS = 50 * 1000, RUNS = 1000 }; /* short runs: some find the machine quiet */

static struct coro_ctx here, there;
static _Alignas(64) char stack[64 * 1024];

static void answer(struct coro_ctx *from, struct coro_ctx *self)
{
    (void)from;
    for (;;)
        ctx_switch(self, &here);
}

static double now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int main(void)
{
    double best = 0;
    ctx_init(&there, stack, stack + sizeof stack, answer);
    for (int run = 0; run < RUNS; run++) {
        double start = now_ns();
        for (int i = 0; i < ROUNDS; i++)
            ctx_switch(&here, &there);
        double each = (now_ns() - start) / (2.0 * ROUNDS);
        if (best == 0 || each < best)
            best = each;
    }
    printf("%.2f ns a switch\n", best);
    return 0;
}
