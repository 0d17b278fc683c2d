/* t/unit/worker/coro/cancel.c - the table of cancellation: every kind of wait against every way to end it, and the cases of
 * docs/WAITING.md; each with a thousand orders of who runs first, and the same answer in all of them. */
#include "t/unit/worker/coro/seeds.h"

/* ---- every kind of wait ---- */

static int pipe_fds[2];
static galley_task *long_task;
static int children_started, children_cancelled;

static int child(galley_async *co, int *unused)
{
    (void)unused;
    children_started++;
    int rc = galley_sleep_ms(co, 1000);
    children_cancelled += rc == -ECANCELED;
    return rc;
}

static int wait_sleep(galley_async *co)
{
    return galley_sleep_ms(co, 1000);
}

static int wait_fd(galley_async *co)
{
    return galley_wait_fd(co, pipe_fds[0], GALLEY_READ, 1000);
}

static int wait_await(galley_async *co)
{
    return galley_await(co, long_task);
}

static int wait_close(galley_async *co)
{
    struct galley_scope scope;
    int unused = 0;
    galley_scope_open(co, &scope, -1);
    galley_task *task = galley_spawn(co, child, &unused);
    check(task != NULL, "spawn");
    return galley_scope_close(co, &scope);
}

static int wait_gather(galley_async *co)
{
    int unused = 0;
    return galley_gather(co, (child, &unused), (child, &unused));
}

static int wait_race(galley_async *co)
{
    int unused = 0;
    return galley_race(co, (child, &unused), (child, &unused));
}

static int wait_send(galley_async *co)
{
    int two = 2;
    return galley_channel_send(co, &numbers, &two);
}

static int wait_receive(galley_async *co)
{
    int number = 0, rc = galley_channel_receive(co, &numbers, &number);
    check(rc > 0 || number == 0, "touched");
    return rc;
}

static int wait_lock(galley_async *co)
{
    return galley_mutex_lock(co, &mutex);
}

static int wait_acquire(galley_async *co)
{
    return galley_semaphore_acquire(co, &semaphore);
}

static int wait_event(galley_async *co)
{
    return galley_event_wait(co, &event);
}

static int wait_checkpoint(galley_async *co)
{
    for (;;) {
        struct galley_scope shield;
        int rc = galley_checkpoint(co);
        if (rc < 0)
            return rc;
        rc = galley_scope_open_shielded(co, &shield, 1000);
        if (rc == 0)
            rc = galley_sleep_ms(co, 1);
        check(galley_scope_close(co, &shield) == 0 && rc == 0, "shield");
    }
}

static void fill(galley_async *co)
{
    int one = 1;
    check(galley_channel_send(co, &numbers, &one) == 0, "fill");
}

static void own(galley_async *co)
{
    check(galley_mutex_lock(co, &mutex) == 0, "own");
}

/* Who was cancelled has left the queue: what is given now goes to nobody. */
static void given_to_nobody(galley_async *co)
{
    int one = 1;
    if (mutex._owner != 0)
        check(galley_mutex_unlock(co, &mutex) == 0 && mutex._owner == 0, "the mutex");
    galley_semaphore_release(co, &semaphore);
    check(semaphore._free_count == 1, "the semaphore");
    if (numbers.channel._count == 0) {
        check(galley_channel_send(co, &numbers, &one) == 0, "send");
        check(numbers.channel._count == 1, "the channel's value");
    } else {
        check(galley_channel_receive(co, &numbers, &one) == 1 && one == 1, "receive");
        check(numbers.channel._count == 0, "the channel's room");
    }
    galley_event_set(co, &event);
}

static const struct kind {
    const char *name;
    int (*wait)(galley_async *co);
    void (*prepare)(galley_async *co);
    int children;
} kinds[] = {
    {"sleep", wait_sleep, NULL, 0},       {"descriptor", wait_fd, NULL, 0},
    {"await", wait_await, NULL, 0},       {"scope close", wait_close, NULL, 1},
    {"gather", wait_gather, NULL, 2},     {"race", wait_race, NULL, 2},
    {"channel send", wait_send, fill, 0}, {"channel receive", wait_receive, NULL, 0},
    {"mutex", wait_lock, own, 0},         {"semaphore", wait_acquire, NULL, 0},
    {"event", wait_event, NULL, 0},       {"checkpoint", wait_checkpoint, NULL, 0},
};

enum way { BY_TASK, BY_SCOPE, BY_DEADLINE, BY_SIBLING, BY_OUTER, WAYS };
static const struct {
    const char *name;
    enum galley_reason reason;
    int closed;
} ways[WAYS] = {
    [BY_TASK] = {"task", GALLEY_BY_USER, 0},
    [BY_SCOPE] = {"scope", GALLEY_BY_USER, -ECANCELED},
    [BY_DEADLINE] = {"deadline", GALLEY_BY_DEADLINE, -ETIMEDOUT},
    [BY_SIBLING] = {"sibling", GALLEY_BY_SIBLING, -EIO},
    [BY_OUTER] = {"disconnect", GALLEY_BY_DISCONNECT, -ECANCELED},
};

struct waiting {
    const struct kind *kind;
    enum way way;
    int rc, later;
    enum galley_reason reason;
};

static int do_wait(galley_async *co, struct waiting *waiting)
{
    waiting->rc = waiting->kind->wait(co);
    waiting->reason = galley_cancel_reason(co);
    waiting->later = galley_sleep_ms(co, 1); /* it is a level: what comes later fails as well */
    return waiting->rc;
}

static int fail_soon(galley_async *co, int *ms)
{
    int rc = galley_sleep_ms(co, *ms);
    return rc < 0 ? rc : -EIO;
}

static void end_it(galley_async *co, struct waiting *waiting, galley_task *task,
                   struct galley_scope *scope)
{
    switch (waiting->way) {
    case BY_TASK:
        galley_task_cancel(task);
        break;
    case BY_SCOPE:
        galley_scope_cancel(scope);
        break;
    case BY_OUTER:
        coro_cancel(co, GALLEY_BY_DISCONNECT);
        break;
    default:
        break; /* comes by itself */
    }
}

static int one_wait(galley_async *co, struct waiting *waiting)
{
    struct galley_scope outer, scope;
    int ms = (int)world_random(5), unused = 0;
    galley_scope_open(co, &outer, -1);
    long_task = galley_spawn(co, child, &unused);
    galley_scope_open(co, &scope, waiting->way == BY_DEADLINE ? 8 : -1);
    galley_task *task = galley_spawn(co, do_wait, waiting);
    if (waiting->way == BY_SIBLING) {
        galley_task *failing = galley_spawn(co, fail_soon, &ms);
        check(failing != NULL, "spawn");
    }
    check(galley_sleep_ms(co, (int64_t)world_random(5)) <= 0, "sleep");
    end_it(co, waiting, task, &scope);
    int closed = galley_scope_close(co, &scope);
    check(closed == ways[waiting->way].closed, "what closing tells");
    galley_task_cancel(long_task);
    check(galley_scope_close(co, &outer) <= 0, "outer");
    return closed;
}

static void ended_wait(galley_async *co, void *arg)
{
    struct waiting *waiting = arg;
    struct galley_scope shield;
    if (galley_scope_open_shielded(co, &shield, 10000) < 0)
        fail_msg("shield");
    if (waiting->kind->prepare)
        waiting->kind->prepare(co);
    check(galley_scope_close(co, &shield) == 0, "shield");
    (void)one_wait(co, waiting);
    if (galley_scope_open_shielded(co, &shield, 10000) < 0)
        fail_msg("shield");
    given_to_nobody(co);
    check(galley_scope_close(co, &shield) == 0, "shield");
}

static void every_wait_every_way(void **state)
{
    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (int way = 0; way < WAYS; way++) {
            int children_count = 0;
            print_message("# %s, by %s\n", kinds[k].name, ways[way].name);
            for (int i = 1; i <= seed_count(); i++) {
                struct waiting waiting = {.kind = &kinds[k], .way = (enum way)way, .rc = 77};
                children_started = children_cancelled = 0;
                run_seed(i, ended_wait, &waiting);
                /* Cancelled before it started, it has not waited. */
                if (waiting.rc == 77)
                    continue;
                check(waiting.rc == -ECANCELED && waiting.later == -ECANCELED, "no -ECANCELED");
                check(waiting.reason == ways[way].reason, "another reason");
                check(children_cancelled == children_started, "its own tasks");
                children_count += children_started;
            }
            assert_true(children_count >= kinds[k].children * seed_count());
        }
    }
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* ---- cases ---- */

struct nap {
    int64_t ms;
    int rc, runs;
    enum galley_reason reason;
};

static int nap(galley_async *co, struct nap *nap)
{
    nap->runs++;
    nap->rc = galley_sleep_ms(co, nap->ms);
    nap->reason = galley_cancel_reason(co);
    return nap->rc < 0 ? nap->rc : 7;
}

static void before_the_start(galley_async *co, void *arg)
{
    struct nap n = {.ms = 5};
    (void)arg;
    galley_task *task = galley_spawn(co, nap, &n);
    galley_task_cancel(task);
    int rc = galley_await(co, task);
    note("%s %d", word(rc), n.runs);
}

static void twice(galley_async *co, void *arg)
{
    struct nap n = {.ms = 50};
    (void)arg;
    galley_task *task = galley_spawn(co, nap, &n);
    int rc = galley_sleep_ms(co, 5);
    galley_task_cancel(task);
    coro_cancel(task->co, GALLEY_BY_OVERLOAD);
    galley_task_cancel(task);
    int awaited = galley_await(co, task);
    note("%s %s %d", word(rc), word(awaited), n.reason == GALLEY_BY_USER);
}

static void when_it_has_ended(galley_async *co, void *arg)
{
    struct nap n = {.ms = 1};
    (void)arg;
    galley_task *task = galley_spawn(co, nap, &n);
    int rc = galley_sleep_ms(co, 9);
    galley_task_cancel(task);
    note("%s %d", word(rc), galley_await(co, task));
}

static int cancel_scope(galley_async *co, struct galley_scope *scope)
{
    int rc = galley_sleep_ms(co, (int64_t)world_random(3));
    galley_scope_cancel(scope);
    return rc < 0 ? rc : galley_sleep_ms(co, 1);
}

static void from_its_child(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *task = galley_spawn(co, cancel_scope, &scope);
    int rc = galley_sleep_ms(co, 50), awaited = galley_await(co, task);
    note("%s %s", word(rc), word(awaited));
    close_and_note(co, "close", &scope);
    sleep_and_note(co, "after", 1);
}

static int cleaned_rc;

static void clean(galley_async *co, struct nap *n)
{
    cleaned_rc = galley_sleep_ms(co, n->ms);
}

static int ends_at_once(galley_async *co, struct nap *n)
{
    return galley_defer(co, clean, n) < 0 ? -ENOMEM : 7;
}

static void in_cleanup(galley_async *co, void *arg)
{
    struct nap n = {.ms = 20};
    (void)arg;
    cleaned_rc = -1;
    galley_task *task = galley_spawn(co, ends_at_once, &n);
    int rc = galley_sleep_ms(co, 5 + (int64_t)world_random(5));
    galley_task_cancel(task);
    int awaited = galley_await(co, task);
    note("%s %d %s", word(rc), awaited, word(cleaned_rc));
}

static int cleans_when_cancelled(galley_async *co, struct nap *n)
{
    int rc = galley_defer(co, clean, n);
    return rc < 0 ? rc : galley_sleep_ms(co, 1000);
}

static void then_cleanup(galley_async *co, void *arg)
{
    struct nap n = {.ms = 20};
    (void)arg;
    cleaned_rc = -1;
    galley_task *task = galley_spawn(co, cleans_when_cancelled, &n);
    int rc = galley_sleep_ms(co, 5);
    galley_task_cancel(task);
    int awaited = galley_await(co, task);
    note("%s %s %s", word(rc), word(awaited), word(cleaned_rc));
}

/* ---- deadline against cancel ---- */

struct cancelling {
    struct galley_scope *scope;
    int64_t after_ms;
};

static int cancel_later(galley_async *co, struct cancelling *cancelling)
{
    int rc = galley_sleep_ms(co, cancelling->after_ms - 1);
    galley_scope_cancel(cancelling->scope);
    return rc;
}

/* The first reason holds, and closing tells of it. */
static void deadline_against_cancel(galley_async *co, int64_t after_ms)
{
    struct galley_scope scope, outer;
    struct nap n = {.ms = 100};
    struct cancelling cancelling = {&scope, after_ms};
    galley_scope_open(co, &outer, -1);
    galley_scope_open(co, &scope, 20);
    galley_task *task = galley_spawn(co, nap, &n);
    co->scope = co->scope->parent; /* who cancels the scope is not in it */
    galley_task *canceller = galley_spawn(co, cancel_later, &cancelling);
    co->scope = (struct scope *)(void *)&scope;
    int awaited = galley_await(co, task), closed = galley_scope_close(co, &scope);
    int is_told = n.reason == (closed == -ETIMEDOUT ? GALLEY_BY_DEADLINE : GALLEY_BY_USER);
    int rc = galley_await(co, canceller);
    note("%s %s %d %s", word(rc), word(awaited), is_told,
         after_ms == 20 && closed == -ECANCELED ? "ETIMEDOUT" : word(closed));
    close_and_note(co, "outer", &outer);
}

static void cancel_first(galley_async *co, void *arg)
{
    (void)arg;
    deadline_against_cancel(co, 19);
}

static void both_at_once(galley_async *co, void *arg)
{
    (void)arg;
    deadline_against_cancel(co, 20);
}

static void deadline_first(galley_async *co, void *arg)
{
    (void)arg;
    deadline_against_cancel(co, 21);
}

/* ---- shield against cancel ---- */

struct shielded {
    int inside, closed, after;
    int64_t limit_ms;
};

static int work_shielded(galley_async *co, struct shielded *work)
{
    struct galley_scope shield;
    int rc = galley_scope_open_shielded(co, &shield, work->limit_ms);
    if (rc < 0)
        return rc;
    work->inside = galley_sleep_ms(co, 20);
    work->closed = galley_scope_close(co, &shield);
    work->after = galley_sleep_ms(co, 1);
    return 7;
}

static void shield_against_cancel(galley_async *co, void *arg)
{
    struct shielded work = {.limit_ms = *(const int *)arg};
    galley_task *task = galley_spawn(co, work_shielded, &work);
    int rc = galley_sleep_ms(co, 2 + (int64_t)world_random(3));
    galley_task_cancel(task);
    int awaited = galley_await(co, task);
    note("%s %d %s %s %s", word(rc), awaited, word(work.inside), word(work.closed),
         word(work.after));
}

static int parent_of_shielded(galley_async *co, struct shielded *work)
{
    return galley_gather(co, (work_shielded, work));
}

static void shield_further_down(galley_async *co, void *arg)
{
    struct shielded work = {.limit_ms = 100};
    (void)arg;
    galley_task *task = galley_spawn(co, parent_of_shielded, &work);
    int rc = galley_sleep_ms(co, 5);
    galley_task_cancel(task);
    int awaited = galley_await(co, task); /* its call saw it through, and succeeded */
    note("%s %s %s %s", word(rc), word(awaited), word(work.inside), word(work.after));
}

/* ---- a grant and a cancellation at the same time, in any order ---- */

static int granted_count, refused_count;

static int give_at_ten(galley_async *co, int *what)
{
    int number = 5, rc = galley_sleep_ms(co, 9);
    switch (rc == 0 ? *what : -1) {
    case 0:
        return galley_mutex_unlock(co, &mutex);
    case 1:
        galley_semaphore_release(co, &semaphore);
        break;
    case 2:
        return galley_channel_send(co, &numbers, &number);
    default:
        break;
    }
    return rc;
}

static int own_and_give(galley_async *co, int *what)
{
    int rc = *what == 0 ? galley_mutex_lock(co, &mutex) : 0;
    return rc < 0 ? rc : give_at_ten(co, what);
}

/* Takes it and passes it on. */
static int take(galley_async *co, int *what)
{
    int number = 0, rc = galley_sleep_ms(co, 1);
    if (rc < 0)
        return rc;
    switch (*what) {
    case 0:
        rc = galley_mutex_lock(co, &mutex);
        return rc < 0 ? rc : galley_mutex_unlock(co, &mutex);
    case 1:
        rc = galley_semaphore_acquire(co, &semaphore);
        if (rc == 0)
            galley_semaphore_release(co, &semaphore);
        return rc;
    default:
        rc = galley_channel_receive(co, &numbers, &number);
        check(rc <= 0 || number == 5, "the value");
        return rc;
    }
}

static int cancel_at_ten(galley_async *co, galley_task **task)
{
    int rc = galley_sleep_ms(co, 9);
    galley_task_cancel(*task);
    return rc;
}

static void grant_against_cancel(galley_async *co, void *arg)
{
    struct galley_scope scope;
    int what = *(const int *)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *giver = galley_spawn(co, own_and_give, &what);
    galley_task *taker = galley_spawn(co, take, &what);
    galley_task *canceller = galley_spawn(co, cancel_at_ten, &taker);
    int got = galley_await(co, taker), rest = galley_await(co, giver);
    rest |= galley_await(co, canceller);
    granted_count += got >= 0;
    refused_count += got == -ECANCELED;
    check(got >= 0 || got == -ECANCELED, "taken or cancelled");
    note("%d", rest);
    /* Not lost: it is with the taker, or still here. */
    note("%d", what == 0   ? mutex._owner == 0
               : what == 1 ? semaphore._free_count == 1
                           : (int)numbers.channel._count + got * (got > 0) == 1);
    close_and_note(co, "close", &scope);
}

static int zero = 0, one = 1, two = 2, long_ms = 100, short_ms = 10;

static const struct {
    const char *name;
    void (*entry)(galley_async *co, void *arg);
    void *arg;
    const char *trace;
    bool is_race; /* both outcomes must have come */
} cases[] = {
    {"before the start", before_the_start, NULL, "ECANCELED 0 ", false},
    {"twice", twice, NULL, "0 ECANCELED 1 ", false},
    {"when it has ended", when_it_has_ended, NULL, "0 7 ", false},
    {"from its own child", from_its_child, NULL, "ECANCELED ECANCELED close:ECANCELED after:0 ",
     false},
    {"in cleanup", in_cleanup, NULL, "0 7 0 ", false},
    {"while waiting, then cleanup", then_cleanup, NULL, "0 ECANCELED 0 ", false},
    {"cancelled before the deadline", cancel_first, NULL, "0 ECANCELED 1 ECANCELED outer:0 ",
     false},
    {"cancelled at the deadline", both_at_once, NULL, "0 ECANCELED 1 ETIMEDOUT outer:0 ", false},
    {"cancelled after the deadline", deadline_first, NULL, "0 ECANCELED 1 ETIMEDOUT outer:0 ",
     false},
    {"shield against cancel", shield_against_cancel, &long_ms, "0 7 0 0 ECANCELED ", false},
    {"shield's own limit", shield_against_cancel, &short_ms, "0 7 ECANCELED ETIMEDOUT ECANCELED ",
     false},
    {"shield further down", shield_further_down, NULL, "0 0 0 ECANCELED ", false},
    {"mutex: handed over or cancelled", grant_against_cancel, &zero, "0 1 close:0 ", true},
    {"semaphore: handed over or cancelled", grant_against_cancel, &one, "0 1 close:0 ", true},
    {"channel: handed over or cancelled", grant_against_cancel, &two, "0 1 close:0 ", true},
};

static void every_case(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        print_message("# %s\n", cases[k].name);
        granted_count = refused_count = 0;
        for (int i = 1; i <= seed_count(); i++) {
            run_seed(i, cases[k].entry, cases[k].arg);
            assert_string_equal(world.trace, cases[k].trace);
        }
        if (cases[k].is_race && seed_count() == SEEDS)
            assert_true(granted_count > 0 && refused_count > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_wait_every_way, world_set_up_shuffled,
                                        world_tear_down),
        cmocka_unit_test_setup_teardown(every_case, world_set_up_shuffled, world_tear_down),
    };
    return _cmocka_run_group_tests("tests", tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
