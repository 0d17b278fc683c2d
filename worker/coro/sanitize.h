/* sanitize.h - what AddressSanitizer, LeakSanitizer, ThreadSanitizer and valgrind want to know of coroutine stacks.
 * Does:     name the switch of a stack to ASan and TSan, clear poison before a stack is pooled, register stacks.
 * Does not: anything in an ordinary build (valgrind's requests are a few idle instructions once a stack). */
#ifndef GALLEY_WORKER_CORO_SANITIZE_H
#define GALLEY_WORKER_CORO_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define CORO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORO_ASAN 1
#endif
#endif
#ifndef CORO_ASAN
#define CORO_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define CORO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CORO_TSAN 1
#endif
#endif
#ifndef CORO_TSAN
#define CORO_TSAN 0
#endif

#if CORO_ASAN || defined(GALLEY_DEBUG)
#define CORO_IS_STRICT 1 /* an application's mistake that is only logged elsewhere aborts */
#else
#define CORO_IS_STRICT 0
#endif

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(low, top) 0u
#define VALGRIND_STACK_DEREGISTER(id)     ((void)(id))
#define VALGRIND_MAKE_MEM_DEFINED(at, n)  ((void)(at))
#define RUNNING_ON_VALGRIND               0
#endif

#if CORO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#define CORO_SWITCH static __attribute__((noinline, no_sanitize_address))
#define CORO_MAIN   static __attribute__((no_sanitize_address))
/* Leaving for the stack [low, low + size); `fake` keeps this stack's fake frames, NULL when it has ended. */
#define san_leave(fake, low, size) __sanitizer_start_switch_fiber(fake, low, size)
/* First thing on a stack; tells where we came from. */
#define san_arrive(fake, from_low, from_size)                                                      \
    __sanitizer_finish_switch_fiber(fake, from_low, from_size)
#define san_stack_clear(low, size) __asan_unpoison_memory_region(low, size)
#define san_stack_add(low, size)   __lsan_register_root_region(low, size)
#define san_stack_drop(low, size)  __lsan_unregister_root_region(low, size)
#else
/* Inlined: the ret of a function that a switch went through is never predicted. */
#define CORO_SWITCH                           static inline __attribute__((always_inline))
#define CORO_MAIN                             static
#define san_leave(fake, low, size)            ((void)0)
#define san_arrive(fake, from_low, from_size) ((void)0)
#define san_stack_clear(low, size)            ((void)0)
#define san_stack_add(low, size)              ((void)0)
#define san_stack_drop(low, size)             ((void)0)
#endif

/* ThreadSanitizer sees a thread of its own, a fiber, in each stack. What runs on one of them has happened before what
 * the next one does. */
#if CORO_TSAN
#include <sanitizer/tsan_interface.h>
#define san_fiber_new()      __tsan_create_fiber(0)
#define san_fiber_current()  __tsan_get_current_fiber()
#define san_fiber_free(it)   __tsan_destroy_fiber(it)
#define san_fiber_switch(to) __tsan_switch_to_fiber(to, 0) /* last thing on a stack */
/* Order made by calls that it does not know: pthread_clockjoin_np, sem_clockwait. */
#define san_publish(at) __tsan_release(at)
#define san_observe(at) __tsan_acquire(at)
#else
#define san_fiber_new()      NULL
#define san_fiber_current()  NULL
#define san_fiber_free(it)   ((void)(it))
#define san_fiber_switch(to) ((void)(to))
#define san_publish(at)      ((void)(at))
#define san_observe(at)      ((void)(at))
#endif

#endif
