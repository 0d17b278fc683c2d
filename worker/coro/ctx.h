/* ctx.h - the context switch: leave one stack, go on with another.
 * Does:     save and load {stack pointer, frame pointer, instruction pointer}; everything else is a clobber, so the
 *           compiler saves just what lives across the switch. x86-64 and aarch64; ucontext elsewhere.
 * Does not: know coroutines, keep errno, the signal mask or floating-point control words.
 *
 * Nothing is pushed (the red zone of a leaf stays whole), and no call or ret is used: a ret to a place nobody called
 * from costs ten nanoseconds of misprediction. The place to go on at starts with endbr64 or bti.
 * See:      bench/switch.c (3 ns at most), t/cross/ctx.c. */
#ifndef GALLEY_WORKER_CORO_CTX_H
#define GALLEY_WORKER_CORO_CTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(GALLEY_SWITCH_UCONTEXT) || !(defined(__x86_64__) || defined(__aarch64__))
#define CTX_IS_UCONTEXT 1
#include <ucontext.h>
struct coro_ctx {
    ucontext_t uc;
};
#else
#define CTX_IS_UCONTEXT 0
struct coro_ctx {
    void *sp, *bp, *ip;
};
#endif

/* What runs first on a new stack; must never return. */
typedef void ctx_entry_fn(struct coro_ctx *from, struct coro_ctx *self);

#if CTX_IS_UCONTEXT

static inline void ctx__enter(unsigned entry_high, unsigned entry_low, unsigned self_high,
                              unsigned self_low)
{
    uintptr_t entry = (uintptr_t)((uint64_t)entry_high << 32 | entry_low);
    uintptr_t self = (uintptr_t)((uint64_t)self_high << 32 | self_low);
    ((ctx_entry_fn *)entry)(NULL, (struct coro_ctx *)self);
}

static inline void ctx_init(struct coro_ctx *ctx, void *low, void *top, ctx_entry_fn *entry)
{
    uint64_t code = (uintptr_t)entry, self = (uintptr_t)ctx;
    getcontext(&ctx->uc);
    ctx->uc.uc_stack.ss_sp = low;
    ctx->uc.uc_stack.ss_size = (size_t)((char *)top - (char *)low);
    ctx->uc.uc_link = NULL;
    makecontext(&ctx->uc, (void (*)(void))ctx__enter, 4, (unsigned)(code >> 32), (unsigned)code,
                (unsigned)(self >> 32), (unsigned)self);
}

static inline void ctx_switch(struct coro_ctx *from, struct coro_ctx *to)
{
    swapcontext(&from->uc, &to->uc);
}

/* Where a suspended context stands, for backtraces; NULL where that is not known. */
static inline void *ctx_frame(const struct coro_ctx *ctx)
{
#ifdef __x86_64__
    return (void *)ctx->uc.uc_mcontext.gregs[10]; /* REG_RBP */
#else
    (void)ctx;
    return NULL;
#endif
}
static inline void *ctx_place(const struct coro_ctx *ctx)
{
#ifdef __x86_64__
    return (void *)ctx->uc.uc_mcontext.gregs[16]; /* REG_RIP */
#else
    (void)ctx;
    return NULL;
#endif
}

#else

static inline void *ctx_frame(const struct coro_ctx *ctx)
{
    return ctx->bp;
}
static inline void *ctx_place(const struct coro_ctx *ctx)
{
    return ctx->ip;
}

/* A context that will start with entry(from, ctx) on the stack [low, top). A null return address and a null frame
 * pointer end every backtrace. */
static inline void ctx_init(struct coro_ctx *ctx, void *low, void *top, ctx_entry_fn *entry)
{
    (void)low;
    uintptr_t sp = (uintptr_t)top & ~(uintptr_t)15;
#ifdef __x86_64__
    sp -= 16;
    *(void **)sp = NULL;
    sp -= 8; /* as after a call */
    *(void **)sp = NULL;
#endif
    ctx->sp = (void *)sp;
    ctx->bp = NULL;
    ctx->ip = (void *)(uintptr_t)entry;
}

#ifdef __x86_64__
/* `from` and `to` travel in the registers of the first two arguments: that is how an entry function gets them. */
static inline __attribute__((always_inline)) void ctx_switch(struct coro_ctx *from,
                                                             struct coro_ctx *to)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rsp, 0(%%rdi)\n\t"
                     "movq %%rbp, 8(%%rdi)\n\t"
                     "movq %%rax, 16(%%rdi)\n\t"
                     "movq 0(%%rsi), %%rsp\n\t"
                     "movq 8(%%rsi), %%rbp\n\t"
                     "jmp *16(%%rsi)\n"
                     "1:\n\t"
                     "endbr64"
                     : "+D"(from), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
#ifdef __AVX512F__
                       "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",
                       "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0",
                       "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#endif
                       "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc",
                       "memory");
}
#else
/* x16 is the one register that may branch to a function's entry and to a label alike under BTI. */
static inline __attribute__((always_inline)) void ctx_switch(struct coro_ctx *from,
                                                             struct coro_ctx *to)
{
    register struct coro_ctx *x0 __asm__("x0") = from;
    register struct coro_ctx *x1 __asm__("x1") = to;
    __asm__ volatile("adr x16, 1f\n\t"
                     "mov x17, sp\n\t"
                     "str x17, [x0, #0]\n\t"
                     "str x29, [x0, #8]\n\t"
                     "str x16, [x0, #16]\n\t"
                     "ldr x17, [x1, #0]\n\t"
                     "ldr x29, [x1, #8]\n\t"
                     "ldr x16, [x1, #16]\n\t"
                     "mov sp, x17\n\t"
                     "mov x30, xzr\n\t"
                     "br x16\n"
                     "1:\n\t"
                     "hint #36" /* bti j */
                     : "+r"(x0), "+r"(x1)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
                       "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
                       "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",
                       "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
                       "v29", "v30", "v31", "cc", "memory");
}
#endif
#endif

/* Whether this process runs with a shadow stack, which our own switch would break (swapcontext keeps it). */
static inline bool ctx_is_forbidden(void)
{
#if defined(__x86_64__) && !CTX_IS_UCONTEXT
    uint64_t shadow = 0;
    __asm__ volatile("rdsspq %0" : "+r"(shadow)); /* does nothing where there is none */
    return shadow != 0;
#else
    return false;
#endif
}

#endif
