/* watchdog.c - the thread that watches the loop's thread.
 * Does:     look every half limit whether the turn is another one; when one lasts too long, find out who runs and where.
 * Does not: touch what the other thread may free: it reads control blocks (their slabs stay mapped), and believes what it has
 *           read only if the same coroutine still has the same turn afterwards.
 *
 * Where the loop's thread stands: asleep in the kernel, /proc/self/task/ID/syscall tells its stack pointer, and the stack can
 * be read from here without a word to it: a signal would end its usleep or poll with EINTR. Otherwise it computes, and a
 * signal's handler takes the trace on the spot.
 *
 * The thread has a table of descriptors of its own, empty but for two: the kernel counts the users of a descriptor at every
 * system call where several threads share the table, which would cost each request of the loop 1 % (bench/run).
 * See:      watchdog.h */
#include "worker/coro/watchdog.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/symbols.h"
#include "worker/coro/backtrace.h"
#include "worker/coro/sanitize.h"
#include "worker/coro/sched.h"

enum {
    LIMIT_MIN_MS = 10,
    SAID_EVERY_MS = 1000, /* a line about the same route */
    SAID_COUNT = 16,
    END_LOOK_MS = 10, /* how exactly the end of a block is seen, in its first second */
    ANSWER_MS =
        500, /* for the handler of the signal: a thread that computes may have to wait for a processor */
    ASLEEP_TRIES = 3, /* it may wake and sleep again while it is looked at */
    THREAD_STACK_BYTES = 256 << 10,
    STOP_MS = 1000
};

/* Who holds the loop. All static memory of the application, or of ours. */
struct holder {
    const galley_async *co; /* not to be followed; NULL: the loop itself */
    uint64_t resume;
    struct watchdog_route route;
    const char *name, *file;
    int line;
    bool is_task;
};

struct said {
    const void *key;
    int64_t at_ms;
    unsigned unsaid_count;
};

enum ask { ASK_NOTHING, ASK_WANTED, ASK_TAKING, ASK_TAKEN };

struct watchdog {
    struct watchdog_opts opts;
    pthread_t thread, loop_thread;
    pid_t loop_id;
    uintptr_t loop_low, loop_high; /* the loop's own stack */
    int syscall_fd;                /* -1: it cannot be asked */
    int process_fd; /* -1: the descriptors are shared with the loop; else of the process, to borrow the log by */
    const char *own_object; /* where our own code is */
    sem_t has_to_stop, has_answered;
    _Atomic uint64_t blocked_count;

    /* The turn that is watched. */
    uint64_t turn, first_resume;
    int64_t since_ms, next_ms; /* next: the length at which the next line is due */
    bool is_counted, is_said;
    struct holder holder; /* when it was said */
    struct said said[SAID_COUNT];

    _Atomic int ask; /* enum ask: who may write the trace */
    struct backtrace trace;
};

/* Signal handlers have no argument of ours. One worker, one loop. */
static struct watchdog *_Atomic the_watchdog;

static int trace_signal(void)
{
    return SIGRTMIN + 1;
}

/* ---- where it stands ---- */

/* The stack that `sp` is in: the current coroutine's, or the loop's. */
static bool set_bounds(const struct watchdog *w, const galley_async *co,
                       struct backtrace_from *from)
{
    from->low = w->loop_low;
    from->high = w->loop_high;
    if (co != NULL) {
        uintptr_t low = (uintptr_t)__atomic_load_n(&co->stack_low, __ATOMIC_RELAXED);
        if (from->sp >= low && from->sp < (uintptr_t)co) {
            from->low = low;
            from->high = (uintptr_t)co;
        }
    }
    return from->sp >= from->low && from->sp < from->high;
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    struct watchdog *w = atomic_load(&the_watchdog);
    struct backtrace_from from;
    int wanted = ASK_WANTED, saved_errno = errno;
    (void)signal;
    (void)info;
    if (w == NULL || !pthread_equal(pthread_self(), w->loop_thread) ||
        !atomic_compare_exchange_strong(&w->ask, &wanted, ASK_TAKING))
        return;
    backtrace_registers(&from, context);
    w->trace.count = 0;
    if (set_bounds(w, w->opts.sched->current, &from))
        backtrace_take(&w->trace, &from);
    atomic_store(&w->ask, ASK_TAKEN);
    sem_post(&w->has_answered);
    errno = saved_errno;
}

static struct timespec in_ms(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

static bool wait_for(sem_t *sem, int64_t ms)
{
    struct timespec until = in_ms(ms);
    int rc;
    while ((rc = sem_clockwait(sem, CLOCK_MONOTONIC, &until)) < 0 && errno == EINTR)
        continue;
    san_observe(sem);
    return rc == 0;
}

/* Let the loop's thread look at itself. */
static bool take_by_signal(struct watchdog *w)
{
    int wanted = ASK_WANTED;
    atomic_store(&w->ask, ASK_WANTED);
    if (pthread_kill(w->loop_thread, trace_signal()) == 0 && wait_for(&w->has_answered, ANSWER_MS))
        return w->trace.count > 0;
    if (!atomic_compare_exchange_strong(&w->ask, &wanted, ASK_NOTHING)) {
        while (sem_wait(&w->has_answered) < 0) /* it is at it */
            continue;
        return w->trace.count > 0;
    }
    return false;
}

/* What the kernel says of a thread that sleeps: "NUMBER ARGUMENTS... SP PC". False: it runs, or it is not known. */
static bool read_asleep(const struct watchdog *w, char *text, size_t size)
{
    ssize_t len = w->syscall_fd < 0 ? -1 : pread(w->syscall_fd, text, size - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return len > 0 && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
}

static bool take_asleep(struct watchdog *w)
{
    char before[256], after[256];
    for (int i = 0; i < ASLEEP_TRIES && read_asleep(w, before, sizeof before); i++) {
        struct backtrace_from from = {.fp = 0};
        const char *ip = strrchr(before, ' '), *sp = ip;
        while (sp != NULL && sp > before && sp[-1] != ' ')
            sp--;
        if (ip == NULL || sp == before)
            return false;
        from.sp = (uintptr_t)strtoull(sp, NULL, 16);
        from.ip = (uintptr_t)strtoull(ip + 1, NULL, 16);
        if (!set_bounds(w, __atomic_load_n(&w->opts.sched->current, __ATOMIC_ACQUIRE), &from))
            return false;
        backtrace_take(&w->trace, &from);
        if (read_asleep(w, after, sizeof after) && strcmp(before, after) == 0)
            return true;
    }
    return false;
}

/* ---- descriptors of its own ---- */

/* Have an empty table, where the log can be borrowed from the loop's when there is something to say. */
static void take_descriptors(struct watchdog *w)
{
    char path[64];
    int process_fd = pidfd_open(getpid(), 0);
    int log_fd = process_fd < 0 ? -1 : pidfd_getfd(process_fd, log_get_fd(), 0);
    bool can_borrow = log_fd >= 0;
    if (can_borrow)
        close(log_fd);
    if (process_fd >= 0)
        close(process_fd);
    w->process_fd = -1;
    if (can_borrow && close_range(0, UINT_MAX, CLOSE_RANGE_UNSHARE) == 0)
        w->process_fd = pidfd_open(getpid(), 0);
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)w->loop_id);
    w->syscall_fd = open(path, O_RDONLY | O_CLOEXEC);
}

static void release_descriptors(struct watchdog *w)
{
    if (w->syscall_fd >= 0)
        close(w->syscall_fd);
    if (w->process_fd >= 0)
        close(w->process_fd);
}

static int begin_line(const struct watchdog *w)
{
    int fd = w->process_fd < 0 ? -1 : pidfd_getfd(w->process_fd, log_get_fd(), 0);
    log_set_thread_fd(fd);
    return fd;
}

static void end_line(int fd)
{
    log_set_thread_fd(-1);
    if (fd >= 0)
        close(fd);
}

/* ---- who it is ---- */

static bool is_same(const struct watchdog *w, const struct holder *holder)
{
    struct loop_pulse pulse;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    loop_look(w->opts.loop, &pulse);
    return pulse.turn == w->turn && !pulse.is_resting &&
           __atomic_load_n(&w->opts.sched->resume_count, __ATOMIC_RELAXED) == holder->resume &&
           __atomic_load_n(&w->opts.sched->current, __ATOMIC_RELAXED) == holder->co;
}

/* False: it goes on. What is read meanwhile may change: is_same tells. */
static __attribute__((no_sanitize("thread"))) bool find_holder(const struct watchdog *w,
                                                               struct holder *holder)
{
    const struct sched *sched = w->opts.sched;
    memset(holder, 0, sizeof *holder);
    holder->resume = __atomic_load_n(&sched->resume_count, __ATOMIC_ACQUIRE);
    const galley_async *co = __atomic_load_n(&sched->current, __ATOMIC_ACQUIRE);
    holder->co = co;
    if (co != NULL) {
        const void *request = __atomic_load_n(&co->request, __ATOMIC_RELAXED);
        holder->name = __atomic_load_n(&co->name, __ATOMIC_RELAXED);
        holder->file = __atomic_load_n(&co->file, __ATOMIC_RELAXED);
        holder->line = __atomic_load_n(&co->line, __ATOMIC_RELAXED);
        holder->is_task = __atomic_load_n(&co->task, __ATOMIC_RELAXED) != NULL;
        if (request != NULL && w->opts.find_route != NULL)
            w->opts.find_route(request, &holder->route);
    }
    return is_same(w, holder);
}

/* "GET /slow (slow_report, shop.c:41)", "GET /slow (...), task grill (shop.c:7)", "start hook", "the loop" */
static void write_holder(const struct watchdog *w, const struct holder *holder, char *text,
                         size_t size)
{
    text[0] = '\0';
    if (holder->co == NULL)
        snprintf(text, size, "the loop");
    if (holder->route.declared != NULL)
        w->opts.write_route(&holder->route, text, size);
    if (holder->co == NULL || (holder->route.declared != NULL && !holder->is_task))
        return;
    size_t len = strlen(text);
    int more = snprintf(text + len, size - len, "%s%s%s", len > 0 ? ", " : "",
                        holder->is_task ? "task " : "", holder->name ? holder->name : "?");
    len += more < 0 ? 0 : (size_t)more;
    if (holder->line > 0 && len < size)
        snprintf(text + len, size - len, " (%s:%d)", holder->file, holder->line);
}

/* ---- what is said ---- */

/* "usleep", "slow_report (shop.so+0x1234)", "shop.so+0x1234"; whether it is the application's. */
static bool write_frame(const struct watchdog *w, uintptr_t address, char *text, size_t size)
{
    struct symbol symbol;
    if (!symbol_find(address, &symbol)) {
        snprintf(text, size, "0x%zx", (size_t)address);
        return false;
    }
    bool is_application = backtrace_is_ours((const void *)address) &&
                          (w->own_object == NULL || strcmp(symbol.object, w->own_object) != 0);
    if (symbol.name[0] == '\0' || is_application)
        symbol_write(&symbol, text, size);
    else
        snprintf(text, size, "%s", symbol.name);
    return is_application;
}

/* "usleep < slow_report (shop.so+0x1234) < ...": down to the application's outermost, below which are ours alone. */
static void write_trace(const struct watchdog *w, char *text, size_t size)
{
    size_t len = 0, end = 0;
    text[0] = '\0';
    for (size_t i = 0; i < w->trace.count; i++) {
        char frame[SYMBOL_NAME_BYTES + 64];
        bool is_application =
            write_frame(w, (uintptr_t)w->trace.at[i] - (i > 0), frame, sizeof frame);
        int more = snprintf(text + len, size - len, "%s%s", i > 0 ? " < " : "", frame);
        if (more < 0 || (size_t)more >= size - len)
            break;
        len += (size_t)more;
        if (is_application)
            end = len;
    }
    if (end > 0 && end < len)
        snprintf(text + end, size - end, " < ...");
}

/* Whether there may be a line about `key` again. If not, a block that is new is told of with the next. */
static bool may_say(struct watchdog *w, const void *key, int64_t now_ms, bool is_new_block,
                    unsigned *unsaid_count)
{
    struct said *said = &w->said[0];
    for (size_t i = 0; i < SAID_COUNT && said->key != key; i++)
        if (w->said[i].key == key || w->said[i].at_ms < said->at_ms)
            said = &w->said[i];
    bool is_first = said->key != key || said->at_ms == 0;
    if (!is_first && now_ms - said->at_ms < SAID_EVERY_MS) {
        said->unsaid_count += is_new_block;
        return false;
    }
    *unsaid_count = is_first ? 0 : said->unsaid_count;
    *said = (struct said){.key = key, .at_ms = now_ms};
    return true;
}

static void say(struct watchdog *w, const struct holder *holder, int64_t blocked_ms,
                unsigned unsaid_count)
{
    char who[512], trace[2048] = "it went on before it could be seen", others[64] = "",
                   unsaid[64] = "";
    bool has_trace = take_asleep(w) || take_by_signal(w);
    if (has_trace && is_same(w, holder))
        write_trace(w, trace, sizeof trace);
    else if (is_same(w, holder))
        snprintf(trace, sizeof trace, "where is not known, it takes no signal");
    write_holder(w, holder, who, sizeof who);
    if (holder->resume > w->first_resume + 1)
        snprintf(others, sizeof others, ", %" PRIu64 " others in the same turn",
                 holder->resume - w->first_resume - 1);
    if (unsaid_count > 0)
        snprintf(unsaid, sizeof unsaid, " (%u more since the last line)", unsaid_count);
    int fd = begin_line(w);
    log_line(LOG_LEVEL_WARN, "blocked", "%" PRId64 " ms in %s%s: %s%s", blocked_ms, who, others,
             trace, unsaid);
    end_line(fd);
}

/* ---- the watch ---- */

static void blocked(struct watchdog *w, int64_t now_ms)
{
    struct holder holder;
    unsigned unsaid_count;
    int64_t blocked_ms = now_ms - w->since_ms;
    if (!find_holder(w, &holder))
        return;
    bool is_new = !w->is_counted;
    if (is_new) {
        w->is_counted = true;
        atomic_fetch_add_explicit(&w->blocked_count, 1, memory_order_relaxed);
        if (holder.route.declared != NULL)
            w->opts.on_blocked(&holder.route);
    }
    while (w->next_ms <= blocked_ms)
        w->next_ms *= 2;
    const void *key = holder.route.declared != NULL ? holder.route.declared : holder.name;
    if (!may_say(w, key, now_ms, is_new, &unsaid_count))
        return;
    say(w, &holder, blocked_ms, unsaid_count);
    w->is_said = true;
    w->holder = holder;
}

static void turned(struct watchdog *w, const struct loop_pulse *pulse, int64_t now_ms)
{
    if (w->is_said) {
        char who[512];
        int64_t end_ms = pulse->since_ms > 0 ? pulse->since_ms : now_ms;
        write_holder(w, &w->holder, who, sizeof who);
        int fd = begin_line(w);
        log_line(LOG_LEVEL_NOTICE, "unblocked", "after %" PRId64 " ms in %s", end_ms - w->since_ms,
                 who);
        end_line(fd);
    }
    w->turn = pulse->turn;
    w->first_resume = __atomic_load_n(&w->opts.sched->resume_count, __ATOMIC_RELAXED);
    w->since_ms = now_ms;
    w->next_ms = w->opts.limit_ms;
    w->is_counted = w->is_said = false;
}

/* One look; how long until the next. */
static int64_t look(struct watchdog *w)
{
    struct loop_pulse pulse;
    int64_t half_ms = w->opts.limit_ms / 2;
    loop_look(w->opts.loop, &pulse);
    int64_t now_ms = clock_now_ms();
    if (pulse.turn != w->turn || pulse.is_resting) {
        turned(w, &pulse, now_ms);
        if (pulse.is_resting) {
            w->turn = pulse.turn - 1; /* what comes out of this poll is another turn */
            return half_ms;
        }
    }
    if (pulse.since_ms > 0 && pulse.since_ms < w->since_ms)
        w->since_ms = pulse.since_ms;
    if (now_ms - w->since_ms >= w->next_ms)
        blocked(w, now_ms);
    int64_t next_ms = w->since_ms + w->next_ms - now_ms;
    if (next_ms > half_ms)
        next_ms = half_ms;
    if (w->is_said && now_ms - w->since_ms < 1000 && next_ms > END_LOOK_MS)
        next_ms = END_LOOK_MS;
    return next_ms > 0 ? next_ms : 1;
}

static void *watchdog_main(void *arg)
{
    struct watchdog *w = arg;
    take_descriptors(w);
    while (!wait_for(&w->has_to_stop, look(w)))
        continue;
    release_descriptors(w);
    san_publish(w);
    return NULL;
}

/* ---- life ---- */

static int start_thread(struct watchdog *w)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->thread, &attr, watchdog_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return -rc;
}

static void set_handler(void (*ignore)(int))
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (ignore != NULL) {
        action.sa_flags = 0;
        action.sa_handler = ignore;
    } else {
        action.sa_sigaction = on_signal;
    }
    sigaction(trace_signal(), &action, NULL);
}

static void release(struct watchdog *w)
{
    atomic_store(&the_watchdog, NULL);
    set_handler(SIG_IGN); /* one may be on its way */
    sem_destroy(&w->has_to_stop);
    sem_destroy(&w->has_answered);
    free(w);
}

struct watchdog *watchdog_start(const struct watchdog_opts *opts)
{
    if (RUNNING_ON_VALGRIND) {
        errno = ENOTSUP;
        return NULL;
    }
    struct watchdog *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->opts = *opts;
    if (w->opts.limit_ms < LIMIT_MIN_MS)
        w->opts.limit_ms = LIMIT_MIN_MS;
    w->turn = UINT64_MAX;
    w->next_ms = w->opts.limit_ms;
    w->loop_thread = pthread_self();
    w->loop_id = gettid();
    backtrace_own_stack(&w->loop_low, &w->loop_high);
    struct symbol self;
    if (symbol_find((uintptr_t)&watchdog_start, &self))
        w->own_object = self.object;
    sem_init(&w->has_to_stop, 0, 0);
    sem_init(&w->has_answered, 0, 0);
    atomic_store(&the_watchdog, w);
    set_handler(NULL);
    int rc = start_thread(w);
    if (rc < 0) {
        release(w);
        errno = -rc;
        return NULL;
    }
    return w;
}

bool watchdog_stop(struct watchdog *watchdog)
{
    if (watchdog == NULL)
        return true;
    struct timespec until = in_ms(STOP_MS);
    sem_post(&watchdog->has_to_stop);
    if (pthread_clockjoin_np(watchdog->thread, NULL, CLOCK_MONOTONIC, &until) != 0)
        return false;
    san_observe(watchdog);
    release(watchdog);
    return true;
}

uint64_t watchdog_count(const struct watchdog *watchdog)
{
    return watchdog == NULL ? 0
                            : atomic_load_explicit(&watchdog->blocked_count, memory_order_relaxed);
}
