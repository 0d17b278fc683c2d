/* ctx.c - the context switch on another architecture, as plain TAP: what must survive a switch does.
 * Does:     many stacks in turn, integers and doubles across a switch, alignment, depth, what an entry is given.
 * Does not: need cmocka or any other library, so that it runs under qemu with a bare C library.
 * See:      `make aarch64`; t/unit/worker/coro/ covers the machine's own architecture. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/coro/ctx.h"

enum { CONTEXTS = 50, ROUNDS = 200, STACK_BYTES = 64 * 1024 };

struct player {
    struct coro_ctx ctx; /* first: an entry is given its address */
    char *stack;
    uint64_t sum;
    double product;
    int was_given_itself, is_aligned, depth_reached;
};

static struct coro_ctx home;
static struct player players[CONTEXTS];
static int tests, failures;

static void check(int holds, const char *name)
{
    printf("%sok %d - %s\n", holds ? "" : "not ", ++tests, name);
    failures += !holds;
}

/* Use real stack, with a switch at the bottom. */
static __attribute__((noinline)) int descend(struct player *self, int depth)
{
    volatile char pad[256];
    memset((void *)(uintptr_t)pad, depth, sizeof pad);
    if (depth == 0) {
        ctx_switch(&self->ctx, &home);
        return 0;
    }
    int below = descend(self, depth - 1);
    return pad[17] == (char)depth ? below + 1 : -1000;
}

static void play(struct coro_ctx *from, struct coro_ctx *ctx)
{
    struct player *self = (struct player *)(void *)ctx;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    double x = 1.0, y = 0.5;
    (void)from;
    self->was_given_itself = self >= players && self < players + CONTEXTS;
    self->is_aligned = frame % 16 == 0;
    for (int round = 0; round < ROUNDS; round++) {
        a += b;
        b ^= c;
        c += d;
        d ^= e;
        e += f;
        f ^= a;
        x = x * 1.0625 - y;
        y = y * 0.75 + 1.0;
        ctx_switch(&self->ctx, &home);
    }
    self->sum = a ^ b ^ c ^ d ^ e ^ f;
    self->product = x + y;
    self->depth_reached = descend(self, 100);
    for (;;)
        ctx_switch(&self->ctx, &home);
}

/* The same arithmetic without a switch. */
static void expect(uint64_t *sum, double *product)
{
    volatile uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    volatile double x = 1.0, y = 0.5;
    for (int round = 0; round < ROUNDS; round++) {
        a += b;
        b ^= c;
        c += d;
        d ^= e;
        e += f;
        f ^= a;
        x = x * 1.0625 - y;
        y = y * 0.75 + 1.0;
    }
    *sum = a ^ b ^ c ^ d ^ e ^ f;
    *product = x + y;
}

int main(void)
{
    uint64_t sum;
    double product;
    int same_sum = 1, same_product = 1, given = 1, aligned = 1, deep = 1;

    expect(&sum, &product);
    for (int i = 0; i < CONTEXTS; i++) {
        players[i].stack = malloc(STACK_BYTES);
        if (!players[i].stack)
            return 1;
        ctx_init(&players[i].ctx, players[i].stack, players[i].stack + STACK_BYTES, play);
    }
    for (int round = 0; round < ROUNDS + 3; round++)
        for (int i = 0; i < CONTEXTS; i++)
            ctx_switch(&home, &players[i].ctx);
    for (int i = 0; i < CONTEXTS; i++) {
        same_sum &= players[i].sum == sum;
        same_product &= players[i].product > product - 1e-9 && players[i].product < product + 1e-9;
        given &= players[i].was_given_itself;
        aligned &= players[i].is_aligned;
        deep &= players[i].depth_reached == 100;
    }
    check(given, "an entry is given its own context");
    check(aligned, "a new stack is aligned");
    check(same_sum, "integers survive 200 switches between 50 stacks");
    check(same_product, "doubles survive them");
    check(deep, "100 frames with a switch at the bottom are intact");
    printf("1..%d\n", tests);
    for (int i = 0; i < CONTEXTS; i++)
        free(players[i].stack);
    return failures != 0;
}
