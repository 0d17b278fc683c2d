/* ctx.h - the context switch: placeholder until the assembly lands. */
#ifndef GALLEY_WORKER_CORO_CTX_H
#define GALLEY_WORKER_CORO_CTX_H
struct coro_ctx {
    void *sp, *bp, *ip;
};
#endif
