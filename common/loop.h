/* loop.h - the event loop of a process: descriptors, signals, one timer, and what runs before each
 * poll.
 * Does:     wrap libevent (only loop.c includes it); events live inside their owners, nothing is
 *           allocated per event.
 * Does not: know coroutines, connections or processes. One loop per process, one thread. */
#ifndef GALLEY_COMMON_LOOP_H
#define GALLEY_COMMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"

struct loop;

/* CLOSED: the peer has shut down its side (FIN). An error or reset is reported as READ and WRITE.
 */
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_CLOSED = 4, LOOP_EDGE = 8 };

typedef void loop_event_fn(void *arg, int fd, unsigned what);
typedef void loop_timer_fn(void *arg);

/* A descriptor or signal that is watched; lives in its owner and must be stopped before it goes
 * away. */
struct loop_event {
    _Alignas(8) unsigned char _event[128];
    loop_event_fn *fn;
    void *arg;
    struct loop *_loop; /* NULL: stopped */
    struct list _fired;
    unsigned _fired_what;
};

struct loop_timer {
    _Alignas(8) unsigned char _event[128];
    loop_timer_fn *fn;
    void *arg;
    struct loop *_loop;
};

/* NULL when the kernel refuses (errno). */
struct loop *loop_new(void);
void loop_free(struct loop *loop);
/* In a forked child: give up the parent's loop, without a change to what the parent watches. */
void loop_free_in_child(struct loop *loop);

/* Run until loop_stop(). `before_poll(arg)` (may be NULL) runs before each poll; it returns how
 * long the poll may wait in ms: 0 not at all, < 0 until something happens. */
void loop_run(struct loop *loop, int64_t (*before_poll)(void *arg), void *arg);
void loop_stop(struct loop *loop);

/* Where the next poll may wait at all, it is made no sooner than `us` after the one for which this was called last: what
 * happens until then is told in one turn, for one wake-up of the process. For who knows that nothing is urgent. */
void loop_linger(struct loop *loop, int64_t us);

/* CLOCK_MONOTONIC in ms, read once after each poll, when it is first asked for. */
int64_t loop_now_ms(struct loop *loop);
/* The loop's clock stands at `now_ms` from now on, until it is set again: in tests time passes as they say. */
void loop_set_now_ms(struct loop *loop, int64_t now_ms);
/* With each reading read these (which outlive the loop), too. */
struct ticks;
void loop_keep_ticks(struct loop *loop, const struct ticks *ticks);
/* Those of the same reading; 0 before loop_keep_ticks. */
uint64_t loop_now_ticks(struct loop *loop);
/* CLOCK_MONOTONIC, read now. */
int64_t clock_now_ms(void);
int64_t clock_now_us(void);

/* How far a loop is, for another thread of its process that watches it. */
struct loop_pulse {
    uint64_t turn; /* another number in each turn: from one poll to the next */
    int64_t
        since_ms; /* when the turn asked for the time first, CLOCK_MONOTONIC; 0: it has not yet */
    bool is_resting; /* it is in its poll, or does not run */
};
void loop_look(const struct loop *loop, struct loop_pulse *pulse);

/* Watch `fd` (not yet watched by this event) for `what` until stopped. All watchers of one
 * descriptor must agree on LOOP_EDGE. 0, -errno. */
int loop_event_start(struct loop *loop, struct loop_event *event, int fd, unsigned what,
                     loop_event_fn *fn, void *arg);
/* `signal` becomes an event of the loop. 0, -errno. */
int loop_signal_start(struct loop *loop, struct loop_event *event, int signal, loop_event_fn *fn,
                      void *arg);
/* Harmless for one that was zeroed or stopped already. */
void loop_event_stop(struct loop_event *event);
/* Call fn in the next turn as if `what` had happened, after a poll that does not wait; nothing if
 * it is stopped. */
void loop_event_fire(struct loop_event *event, unsigned what);

/* Call fn once in `delay_ms`; starting again moves it. Zero the struct before the first start.
 * It may be late by the tick of the kernel's coarse clock (4 ms); the wait of before_poll is not.
 * For timers of which a process has a few: room for LOOP_TIMERS_RESERVED is made with the loop. */
enum { LOOP_TIMERS_RESERVED = 64 };
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms,
                      loop_timer_fn *fn, void *arg);
/* The same for timers that are many, as of connections. 0; -ENOMEM, and it is stopped. */
int loop_timer_try(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, loop_timer_fn *fn,
                   void *arg) __attribute__((warn_unused_result));
/* Harmless for one that was zeroed, has fired or was stopped. */
void loop_timer_stop(struct loop_timer *timer);

#endif
