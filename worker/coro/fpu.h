/* fpu.h - the floating-point control words across a switch, in strict builds.
 * Does:     notice that a coroutine changed rounding or exception masks (fesetround, flush-to-zero) and waited:
 *           every other coroutine would compute with them. The switch does not save them (2 ns).
 * Does not: anything in an ordinary build. */
#ifndef GALLEY_WORKER_CORO_FPU_H
#define GALLEY_WORKER_CORO_FPU_H

#include "common/bug.h"
#include "worker/coro/coro.h"
#include "worker/coro/sanitize.h"

#if CORO_IS_STRICT && defined(__x86_64__)
static inline uint64_t fpu_control(void)
{
    uint32_t mxcsr = 0;
    uint16_t x87 = 0;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    return (uint64_t)x87 << 32 | (mxcsr & 0xffc0u); /* without the sticky exception flags */
}
static inline void fpu_check(const galley_async *co, uint64_t before)
{
    GALLEY_BUG_IF(fpu_control() != before, "%s changed the floating-point control word and waited",
                  co->name);
}
#else
static inline uint64_t fpu_control(void)
{
    return 0;
}
static inline void fpu_check(const galley_async *co, uint64_t before)
{
    (void)co;
    (void)before;
}
#endif

#endif
