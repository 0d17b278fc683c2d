/* loop.c - the event loop of a process, over libevent's epoll.
 * Does:     descriptors, signals and timers as events inside their owners; a hook before each poll;
 *           one clock reading a turn.
 * Does not: allocate per event, or make a system call that epoll does not need.
 * See:      loop.h, t/unit/common/loop.c
 *
 * A turn: before_poll() says how long to wait -> epoll_wait -> callbacks -> events that were fired
 * by hand. */
#include "common/loop.h"

#include <errno.h>
#include <event2/event.h>
#pragma push_macro("LIST_ENTRY") /* event_struct.h has one of its own for a moment */
#undef LIST_ENTRY
#include <event2/event_struct.h>
#pragma pop_macro("LIST_ENTRY")
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"
#include "common/ticks.h"

struct loop {
    struct event_base *base;
    int64_t now_ms;
    const struct ticks *ticks; /* read together with it; NULL: nobody wants them */
    uint64_t now_ticks;
    bool is_now_old; /* a poll came since it was read */
    bool is_resting; /* in a poll, or not running at all; of interest to another thread, as is: */
    uint64_t turn_count;
    bool is_now_set; /* by loop_set_now_ms: it is not read at all */
    int64_t wake_ms; /* what `wake` is armed for; NEVER_MS: not armed */
    int wake_fd;     /* a timerfd: libevent's own timers go by a clock of 4 ms */
    struct event wake;
    int64_t linger_us;   /* between the poll that was put off last and the next one; 0: none */
    int64_t lingered_us; /* when that was made */
    struct list fired;
    bool stopping;
};

static const int64_t NEVER_MS = INT64_MAX;

/* What loop_look reads from another thread. */
#define SHOW(field, value) __atomic_store_n(&(field), value, __ATOMIC_RELEASE)

_Static_assert(sizeof(struct event) <= sizeof(((struct loop_event *)0)->_event), "loop.h: _event");
_Static_assert(_Alignof(struct event) <= 8, "loop.h: _event");
_Static_assert(sizeof(struct event) <= sizeof(((struct loop_timer *)0)->_event), "loop.h: _event");

static struct event *inner(struct loop_event *event)
{
    return (struct event *)(void *)event->_event;
}

static int64_t clock_read_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return clock_read_us();
}

int64_t clock_now_ms(void)
{
    return clock_read_us() / 1000;
}

static __attribute__((noinline)) int64_t read_now(struct loop *loop)
{
    SHOW(loop->is_now_old, false);
    if (!loop->is_now_set)
        SHOW(loop->now_ms, clock_now_ms());
    if (loop->ticks)
        loop->now_ticks = ticks_now(loop->ticks);
    return loop->now_ms;
}

static __attribute__((noinline)) uint64_t read_ticks(struct loop *loop)
{
    read_now(loop);
    return loop->now_ticks;
}

void loop_keep_ticks(struct loop *loop, const struct ticks *ticks)
{
    loop->ticks = ticks;
    SHOW(loop->is_now_old, true);
}

void loop_set_now_ms(struct loop *loop, int64_t now_ms)
{
    loop->is_now_set = true;
    loop->now_ms = now_ms;
}

/* Asked a few times a request: the reading itself, with its frame, stays out of the way. */
int64_t loop_now_ms(struct loop *loop)
{
    return loop->is_now_old ? read_now(loop) : loop->now_ms;
}

uint64_t loop_now_ticks(struct loop *loop)
{
    return loop->is_now_old ? read_ticks(loop) : loop->now_ticks;
}

static void libevent_said(int severity, const char *message)
{
    /* what fails is also returned to the caller, who handles it */
    log_line(severity >= EVENT_LOG_ERR ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, "libevent", "%s",
             message);
}

void loop_look(const struct loop *loop, struct loop_pulse *pulse)
{
    pulse->turn = __atomic_load_n(&loop->turn_count, __ATOMIC_ACQUIRE);
    pulse->is_resting = __atomic_load_n(&loop->is_resting, __ATOMIC_RELAXED);
    bool is_old = __atomic_load_n(&loop->is_now_old, __ATOMIC_RELAXED);
    int64_t now_ms = __atomic_load_n(&loop->now_ms, __ATOMIC_RELAXED);
    pulse->since_ms = is_old || loop->is_now_set ? 0 : now_ms;
}

/* Edge-triggered, so that it need not be read: setting it again clears it. */
static void wake_fired(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    (void)fd;
    (void)what;
    SHOW(loop->is_resting, false);
    loop->wake_ms = NEVER_MS;
}

/* Have libevent make room for so many timers now, as starting one later may not fail. */
static int reserve_timers(struct event_base *base)
{
    static struct event some[LOOP_TIMERS_RESERVED];
    const struct timeval long_time = {.tv_sec = 1000000};
    int rc = 0;
    for (size_t i = 0; i < LOOP_TIMERS_RESERVED; i++) {
        event_assign(&some[i], base, -1, 0, wake_fired, NULL);
        rc |= event_add(&some[i], &long_time);
    }
    for (size_t i = 0; i < LOOP_TIMERS_RESERVED; i++)
        event_del(&some[i]);
    return rc;
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    struct event_config *config = event_config_new();
    if (!loop || !config)
        goto free_both;
    event_set_log_callback(libevent_said);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE);
    list_init(&loop->fired);
    loop->wake_ms = NEVER_MS;
    loop->now_ms = clock_now_ms();
    loop->is_resting = true;
    loop->wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->wake_fd < 0)
        goto free_both;
    loop->base = event_base_new_with_config(config);
    if (!loop->base)
        goto close_fd;
    event_assign(&loop->wake, loop->base, loop->wake_fd, EV_READ | EV_ET | EV_PERSIST, wake_fired,
                 loop);
    if (event_add(&loop->wake, NULL) < 0 || reserve_timers(loop->base) < 0)
        goto free_base;
    event_config_free(config);
    return loop;

free_base:
    event_base_free(loop->base);
close_fd:
    close(loop->wake_fd);
free_both:
    if (config)
        event_config_free(config);
    free(loop);
    return NULL;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    event_del(&loop->wake);
    event_base_free(loop->base);
    close(loop->wake_fd);
    free(loop);
}

void loop_free_in_child(struct loop *loop)
{
    if (!loop)
        return;
    event_reinit(loop->base); /* an epoll of its own: what is deleted now is not the parent's */
    loop_free(loop);
}

/* See to it that the poll ends after wait_ms (> 0). The timer stays where it is when it fires soon
 * enough anyway: a poll that ends early costs less than moving the timer each time. */
static void arm_wake(struct loop *loop, int64_t wait_ms)
{
    int64_t now_ms = loop->is_now_set ? clock_now_ms() : loop_now_ms(loop);
    int64_t wake_ms = wait_ms < NEVER_MS - now_ms ? now_ms + wait_ms : NEVER_MS;
    if (wake_ms >= loop->wake_ms)
        return;
    struct itimerspec when = {
        .it_value = {.tv_sec = wake_ms / 1000, .tv_nsec = wake_ms % 1000 * 1000000}};
    int error = timerfd_settime(loop->wake_fd, TFD_TIMER_ABSTIME, &when, NULL);
    GALLEY_BUG_IF(error < 0, "the timer of the loop: %s", strerror(errno));
    loop->wake_ms = wake_ms;
}

/* Call what was fired before this turn; what these callbacks fire waits for the next. */
static void run_fired(struct loop *loop)
{
    struct list batch, *node;
    list_init(&batch);
    while ((node = list_take_first(&loop->fired)))
        list_append(&batch, node);
    while ((node = list_take_first(&batch))) {
        struct loop_event *event = LIST_ENTRY(node, struct loop_event, _fired);
        unsigned what = event->_fired_what;
        event->_fired_what = 0;
        event->fn(event->arg, event_get_fd(inner(event)), what);
    }
}

void loop_linger(struct loop *loop, int64_t us)
{
    loop->linger_us = us;
}

/* Whoever is busy anyway does not wait. A signal ends it early, which does no harm. */
static void linger(struct loop *loop)
{
    int64_t now_us = clock_read_us(), until_us = loop->lingered_us + loop->linger_us;
    loop->lingered_us = now_us;
    if (until_us <= now_us)
        return;
    const struct timespec until = {.tv_sec = until_us / 1000000,
                                   .tv_nsec = until_us % 1000000 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    loop->lingered_us = clock_read_us();
}

void loop_run(struct loop *loop, int64_t (*before_poll)(void *arg), void *arg)
{
    loop->stopping = false;
    SHOW(loop->turn_count, loop->turn_count + 1);
    SHOW(loop->is_resting, false);
    read_now(loop);
    while (!loop->stopping) {
        int64_t wait_ms = before_poll ? before_poll(arg) : -1;
        if (loop->stopping)
            break;
        int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
        bool fired = !list_is_empty(&loop->fired);
        if (wait_ms == 0 || fired)
            flags |= EVLOOP_NONBLOCK;
        else if (wait_ms > 0)
            arm_wake(loop, wait_ms);
        SHOW(loop->turn_count, loop->turn_count + 1);
        SHOW(loop->is_now_old, true);
        SHOW(loop->is_resting, true); /* the callbacks run inside, behind the poll */
        if (loop->linger_us > 0 && !(flags & EVLOOP_NONBLOCK))
            linger(loop);
        loop->linger_us = 0;
        event_base_loop(loop->base, flags);
        SHOW(loop->is_resting, false);
        if (fired)
            run_fired(loop);
    }
    SHOW(loop->is_resting, true);
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
    event_base_loopbreak(loop->base);
}

static void event_happened(evutil_socket_t fd, short what, void *arg)
{
    struct loop_event *event = arg;
    unsigned told = (what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u) |
                    (what & EV_CLOSED ? LOOP_CLOSED : 0u);
    SHOW(event->_loop->is_resting, false);
    event->fn(event->arg, (int)fd, told);
}

/* Attach an assigned event to the loop. 0, -errno. */
static int start(struct loop *loop, struct loop_event *event, loop_event_fn *fn, void *arg)
{
    event->fn = fn;
    event->arg = arg;
    event->_loop = loop;
    event->_fired_what = 0;
    list_init(&event->_fired);
    errno = 0;
    if (!event_add(inner(event), NULL))
        return 0;
    event->_loop = NULL;
    return errno ? -errno : -EINVAL;
}

int loop_event_start(struct loop *loop, struct loop_event *event, int fd, unsigned what,
                     loop_event_fn *fn, void *arg)
{
    short wanted = EV_PERSIST;
    wanted =
        (short)(wanted | (what & LOOP_READ ? EV_READ : 0) | (what & LOOP_WRITE ? EV_WRITE : 0) |
                (what & LOOP_CLOSED ? EV_CLOSED : 0) | (what & LOOP_EDGE ? EV_ET : 0));
    event_assign(inner(event), loop->base, fd, wanted, event_happened, event);
    return start(loop, event, fn, arg);
}

int loop_signal_start(struct loop *loop, struct loop_event *event, int signal, loop_event_fn *fn,
                      void *arg)
{
    event_assign(inner(event), loop->base, signal, EV_SIGNAL | EV_PERSIST, event_happened, event);
    return start(loop, event, fn, arg);
}

void loop_event_stop(struct loop_event *event)
{
    if (!event->_loop)
        return;
    event_del(inner(event));
    list_remove(&event->_fired);
    event->_fired_what = 0;
    event->_loop = NULL;
}

void loop_event_fire(struct loop_event *event, unsigned what)
{
    if (!event->_loop)
        return;
    if (!event->_fired_what)
        list_append(&event->_loop->fired, &event->_fired);
    event->_fired_what |= what;
}

static void timer_happened(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *timer = arg;
    (void)fd;
    (void)what;
    SHOW(timer->_loop->is_resting, false);
    timer->fn(timer->arg);
}

int loop_timer_try(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, loop_timer_fn *fn,
                   void *arg)
{
    struct event *event = (struct event *)(void *)timer->_event;
    loop_timer_stop(timer);
    timer->fn = fn;
    timer->arg = arg;
    timer->_loop = loop;
    event_assign(event, loop->base, -1, 0, timer_happened, timer);
    if (delay_ms < 0)
        delay_ms = 0;
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    return event_add(event, &delay) < 0 ? -ENOMEM : 0;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms,
                      loop_timer_fn *fn, void *arg)
{
    GALLEY_BUG_IF(loop_timer_try(loop, timer, delay_ms, fn, arg) < 0,
                  "a timer of %lld ms cannot be started", (long long)delay_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
    struct event *event = (struct event *)(void *)timer->_event;
    if (timer->fn && event_initialized(event))
        event_del(event);
}
