/* pool.c - the threads of a worker.
 * Does:     take jobs from the loop through a locked queue; hand results back through a lock-free list that the loop
 *           takes whole, and one eventfd, written only when that list was empty.
 * Does not: touch coroutines from a thread: the loop wakes them.
 *
 * A job lives in the frame of the coroutine that waits for it, or was posted and nobody waits for it: QUEUED -> RUNNING -> FINISHED, or taken out while
 * QUEUED. One thread is kept for cleanup: jobs of coroutines that run their defers have a queue of their own, and the
 * last thread takes only these; so that what must be closed can be, however long the handlers block.
 * A private pool (a database's) has one queue and keeps no thread; the worker's own statistics do not count it.
 * See:      pool.h, docs/WAITING.md, t/unit/worker/coro/pool.c */
#include "worker/coro/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"
#include "worker/coro/sched.h"

enum {
    THREADS_DEFAULT = 8,
    QUEUED_DEFAULT = 128,
    THREAD_STACK_BYTES = 1 << 20,
    THREAD_IDLE_S = 10
};

enum job_state { JOB_QUEUED, JOB_RUNNING };
enum job_kind { JOB_ORDINARY, JOB_CLEANUP, JOB_KINDS };

struct pool_job {
    struct list link;
    struct pool_job *next_finished;
    int (*fn)(galley_sync *, void *);
    void *arg;
    void (*done)(void *arg); /* of a posted job, or NULL */
    struct galley_sync sync;
    galley_async *co; /* NULL: it was posted, and is the heap's */
    enum job_kind kind;
    enum job_state state; /* under the lock */
    int result;
    bool is_back; /* the loop has it again */
};

struct pool_thread {
    pthread_t id;
    enum { THREAD_NONE, THREAD_LIVE, THREAD_GONE } state;
    struct pool *pool;
};

struct pool {
    struct sched *sched;
    struct stats *stats;
    struct stats own_stats; /* where nobody wants them */
    size_t max_threads, max_queued;
    bool is_private;
    struct loop_event finished_event;
    int finished_fd;
    _Atomic(struct pool_job *) finished;

    pthread_mutex_t lock; /* all that follows */
    pthread_cond_t has_work, has_ended;
    struct list queue[JOB_KINDS];
    size_t queued_count[JOB_KINDS];
    size_t live_count, ordinary_running, running_count;
    bool is_stopping;
    struct pool_thread threads[];
};

/* ---- on a thread ---- */

static size_t ordinary_max(const struct pool *pool)
{
    return pool->max_threads > 1 && !pool->is_private ? pool->max_threads - 1 : pool->max_threads;
}

/* A job that may run now; NULL. With the lock held. */
static struct pool_job *take_job(struct pool *pool)
{
    enum job_kind kind = JOB_CLEANUP;
    if (pool->queued_count[kind] == 0) {
        kind = JOB_ORDINARY;
        if (pool->queued_count[kind] == 0 || pool->ordinary_running >= ordinary_max(pool))
            return NULL;
    }
    struct pool_job *job = LIST_ENTRY(list_take_first(&pool->queue[kind]), struct pool_job, link);
    pool->queued_count[kind]--;
    pool->running_count++;
    pool->ordinary_running += kind == JOB_ORDINARY;
    job->state = JOB_RUNNING;
    return job;
}

static void ring(struct pool *pool)
{
    uint64_t one = 1;
    ssize_t written = write(pool->finished_fd, &one, sizeof one);
    (void)written; /* EAGAIN: the counter is full, so the loop will come anyway */
}

/* From here on the job's coroutine may run, and the job be gone. Whether the loop must be told: without the lock, for which
 * it will ask at once. */
static bool hand_back(struct pool *pool, struct pool_job *job)
{
    struct pool_job *head = atomic_load_explicit(&pool->finished, memory_order_relaxed);
    do {
        job->next_finished = head;
    } while (!atomic_compare_exchange_weak_explicit(&pool->finished, &head, job,
                                                    memory_order_release, memory_order_relaxed));
    return head == NULL;
}

/* False when nothing came for 10 s. With the lock held. */
static bool wait_for_work(struct pool *pool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += THREAD_IDLE_S;
    int rc = pthread_cond_timedwait(&pool->has_work, &pool->lock, &until);
    return rc == 0;
}

static void *thread_main(void *arg)
{
    struct pool_thread *thread = arg;
    struct pool *pool = thread->pool;
    bool is_wanted = true;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct pool_job *job = take_job(pool);
        if (!job) {
            if (pool->is_stopping || !is_wanted)
                break;
            is_wanted = wait_for_work(pool);
            continue;
        }
        enum job_kind kind = job->kind;
        pthread_mutex_unlock(&pool->lock);
        job->result = job->fn(&job->sync, job->arg);
        pthread_mutex_lock(&pool->lock);
        is_wanted = true;
        pool->running_count--;
        pool->ordinary_running -= kind == JOB_ORDINARY;
        if (hand_back(pool, job)) {
            pthread_mutex_unlock(&pool->lock);
            ring(pool);
            pthread_mutex_lock(&pool->lock);
        }
    }
    pool->live_count--;
    thread->state = THREAD_GONE;
    ring(pool); /* the statistics count one less */
    pthread_cond_signal(&pool->has_ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- on the loop ---- */

static void note_stats(struct pool *pool)
{
    pool->stats->threads_live = pool->live_count;
    pool->stats->threads_busy = pool->running_count;
    pool->stats->threads_queued =
        pool->queued_count[JOB_ORDINARY] + pool->queued_count[JOB_CLEANUP];
}

bool pool_is_busy(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t count =
        pool->running_count + pool->queued_count[JOB_ORDINARY] + pool->queued_count[JOB_CLEANUP];
    bool is_busy = count > 0 || atomic_load(&pool->finished) != NULL;
    pthread_mutex_unlock(&pool->lock);
    return is_busy;
}

void pool_note_stats(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    note_stats(pool);
    pthread_mutex_unlock(&pool->lock);
}

static void jobs_finished(void *arg, int fd, unsigned what)
{
    struct pool *pool = arg;
    uint64_t count;
    (void)what;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
    struct pool_job *last = atomic_exchange_explicit(&pool->finished, NULL, memory_order_acquire);
    struct pool_job *first = NULL;
    while (last) { /* the list has the newest first */
        struct pool_job *next = last->next_finished;
        last->next_finished = first;
        first = last;
        last = next;
    }
    for (struct pool_job *job = first, *next; job; job = next) {
        next = job->next_finished;
        job->is_back = true;
        if (job->co) {
            coro_wake(job->co, 0);
            continue;
        }
        if (job->done)
            job->done(job->arg);
        free(job);
    }
    if (!pool->is_private)
        pool_note_stats(pool);
}

/* Threads inherit the mask of their creator: none of them shall take the worker's signals but its own faults.
 * Out of line: its signal sets are not to lie in the frame of every coroutine that waits for a thread. */
static __attribute__((noinline)) int thread_start(struct pool_thread *thread)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    pthread_attr_t attr;
    sigset_t all, before;
    if (thread->state == THREAD_GONE)
        pthread_join(thread->id, NULL);
    thread->state = THREAD_NONE;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread->id, &attr, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc == 0)
        thread->state = THREAD_LIVE;
    return -rc;
}

/* One more thread if there are runnable jobs that no free one will take. With the lock held; 0, -errno. */
static int grow(struct pool *pool)
{
    size_t room = ordinary_max(pool) - pool->ordinary_running;
    size_t ordinary = pool->queued_count[JOB_ORDINARY];
    size_t runnable = pool->queued_count[JOB_CLEANUP] + (ordinary < room ? ordinary : room);
    size_t free_threads = pool->live_count - pool->running_count; /* idle, or just starting */
    if (runnable <= free_threads || pool->live_count >= pool->max_threads)
        return 0;
    struct pool_thread *thread = pool->threads;
    while (thread->state == THREAD_LIVE)
        thread++;
    int rc = thread_start(thread);
    if (rc == 0)
        pool->live_count++;
    return rc;
}

static int submit(struct pool *pool, struct pool_job *job)
{
    int rc = -EAGAIN;
    pthread_mutex_lock(&pool->lock);
    if (pool->queued_count[job->kind] < pool->max_queued && !pool->is_stopping) {
        list_append(&pool->queue[job->kind], &job->link);
        pool->queued_count[job->kind]++;
        rc = grow(pool);
        if (rc < 0 && pool->live_count > 0)
            rc = 0; /* one that lives will come to it */
        if (rc < 0) {
            log_line(LOG_LEVEL_ERROR, "no_thread", "cannot start a thread: error %d", -rc);
            list_remove(&job->link);
            pool->queued_count[job->kind]--;
            rc = -EAGAIN;
        }
    }
    if (rc < 0)
        pool->stats->threads_refused++;
    note_stats(pool);
    pthread_mutex_unlock(&pool->lock);
    if (rc == 0)
        pthread_cond_signal(&pool->has_work);
    return rc;
}

/* True when it had not begun. */
static bool withdraw(struct pool *pool, struct pool_job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool is_queued = job->state == JOB_QUEUED;
    if (is_queued) {
        list_remove(&job->link);
        pool->queued_count[job->kind]--;
        note_stats(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_queued;
}

int pool_call(struct pool *pool, galley_async *co, const struct pool_call *call)
{
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    struct pool_job job = {.fn = call->fn,
                           .arg = call->arg,
                           .sync = {.request = co->request},
                           .co = co,
                           .kind =
                               co->is_cleaning && !pool->is_private ? JOB_CLEANUP : JOB_ORDINARY};
    rc = submit(pool, &job);
    if (rc < 0)
        return rc;
    rc = coro_suspend_for(co, call->why, call->what, call->here, INT64_MAX);
    if (!job.is_back && withdraw(pool, &job))
        return rc;
    if (!job.is_back) {
        atomic_store(&job.sync.is_cancelled, true);
        if (call->interrupt)
            call->interrupt(call->arg);
    }
    while (!job.is_back)
        coro_suspend_deaf(co, call->why);
    return job.result;
}

int pool_run(struct pool *pool, galley_async *co, int (*fn)(galley_sync *, void *), void *arg)
{
    return pool_call(pool, co, &(struct pool_call){.fn = fn, .arg = arg, .why = "thread"});
}

int pool_post(struct pool *pool, int (*fn)(galley_sync *, void *), void *arg,
              void (*done)(void *arg))
{
    struct pool_job *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    job->fn = fn;
    job->arg = arg;
    job->done = done;
    job->kind = JOB_ORDINARY;
    int rc = submit(pool, job);
    if (rc < 0)
        free(job);
    return rc;
}

int galley__to_thread(galley_async *co, int (*fn)(galley_sync *, void *), void *arg,
                      const char *here)
{
    struct pool *pool = co->sched->pool;
    if (!pool)
        return -EAGAIN;
    return pool_call(pool, co,
                     &(struct pool_call){.fn = fn, .arg = arg, .why = "thread", .here = here});
}

bool galley_is_cancelled(const galley_sync *rq)
{
    return atomic_load(&rq->is_cancelled);
}

struct pool *pool_new(struct sched *sched, const struct pool_opts *opts)
{
    size_t max_threads = opts->max_threads ? opts->max_threads : THREADS_DEFAULT;
    struct pool *pool = calloc(1, sizeof *pool + max_threads * sizeof pool->threads[0]);
    if (!pool)
        return NULL;
    pool->sched = sched;
    pool->is_private = opts->is_private;
    pool->stats = opts->is_private ? &pool->own_stats : opts->stats;
    pool->max_threads = max_threads;
    pool->max_queued = opts->max_queued ? opts->max_queued : QUEUED_DEFAULT;
    for (size_t i = 0; i < max_threads; i++)
        pool->threads[i].pool = pool;
    for (size_t i = 0; i < JOB_KINDS; i++)
        list_init(&pool->queue[i]);
    pool->finished_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (pool->finished_fd < 0)
        goto free_pool;
    int rc = loop_event_start(sched->loop, &pool->finished_event, pool->finished_fd, LOOP_READ,
                              jobs_finished, pool);
    if (rc < 0) {
        errno = -rc;
        goto close_fd;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->has_work, &monotonic);
    pthread_cond_init(&pool->has_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!pool->is_private)
        sched->pool = pool;
    return pool;

close_fd:
    close(pool->finished_fd);
free_pool:
    free(pool);
    return NULL;
}

/* All threads gone before `until`? */
static bool wait_for_end(struct pool *pool, int64_t grace_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanos = until.tv_nsec + grace_ms % 1000 * 1000000;
    until.tv_sec += grace_ms / 1000 + nanos / 1000000000;
    until.tv_nsec = nanos % 1000000000;
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    pthread_cond_broadcast(&pool->has_work);
    int rc = 0;
    while (pool->live_count > 0 && rc == 0)
        rc = pthread_cond_timedwait(&pool->has_ended, &pool->lock, &until);
    bool is_quiet = pool->live_count == 0;
    pthread_mutex_unlock(&pool->lock);
    return is_quiet;
}

bool pool_free(struct pool *pool, int64_t grace_ms)
{
    if (!pool)
        return true;
    if (!wait_for_end(pool, grace_ms)) {
        log_line(LOG_LEVEL_WARN, "threads_stuck", "jobs=%zu still run after %lld ms",
                 pool->running_count, (long long)grace_ms);
        return false;
    }
    for (size_t i = 0; i < pool->max_threads; i++) {
        if (pool->threads[i].state == THREAD_GONE)
            pthread_join(pool->threads[i].id, NULL);
    }
    if (!pool->is_private)
        pool->sched->pool = NULL;
    jobs_finished(pool, pool->finished_fd, LOOP_READ); /* what was posted and has ended unseen */
    loop_event_stop(&pool->finished_event);
    close(pool->finished_fd);
    pthread_cond_destroy(&pool->has_ended);
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    return true;
}
