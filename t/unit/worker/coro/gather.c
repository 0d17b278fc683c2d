/* t/unit/worker/coro/gather.c - gather and race: results, failures, cancellation, limits. */
#include "t/unit/worker/coro/world.h"

/* A call of its own kind: waits, then says and returns what it was told. */
struct job {
    const char *name;
    int64_t ms;
    int result;
    bool is_stubborn; /* what it waits for comes, cancelled or not */
    int found;
};

static int work(galley_async *co, struct job *job)
{
    struct galley_scope shield;
    int rc = job->is_stubborn ? galley_scope_open_shielded(co, &shield, 10000) : 0;
    if (rc == 0 && job->ms >= 0)
        rc = galley_sleep_ms(co, job->ms);
    if (job->is_stubborn && galley_scope_close(co, &shield) < 0)
        rc = -EIO;
    note("%s:%s", job->name, word(rc));
    if (rc < 0)
        return rc;
    job->found = job->result;
    return job->result;
}

static int count_runs(galley_async *co, int *count)
{
    (void)co;
    return ++*count;
}

static struct job job(const char *name, int64_t ms, int result)
{
    return (struct job){.name = name, .ms = ms, .result = result};
}

/* ---- gather ---- */

static void all_succeed(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 30, 1), b = job("b", 20, 2), c = job("c", 10, 0);
    int rc = galley_gather(co, (work, &a), (work, &b), (work, &c));
    note("%d %d %d %d", rc, a.found, b.found, c.found);
}

static void of_several_kinds(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 5, 1);
    int count = 0;
    int rc = galley_gather(co, (count_runs, &count), (work, &a),
                           (work, &(struct job){"b", 1, 2, false, 0}));
    note("%d %d %d", rc, count, a.found);
}

static void first_failure(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 30, 1), b = job("b", 10, -EIO), c = job("c", 5, 3);
    int rc = galley_gather(co, (work, &a), (work, &b), (work, &c));
    note("%s %d %s", word(rc), c.found, word(galley_sleep_ms(co, 1)));
}

static void failure_before_a_start(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", -1, -EIO), b = job("b", 1, 1);
    int rc = galley_gather(co, (work, &a), (work, &b));
    note("%s", word(rc));
}

static void gather_is_not_the_handlers(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 5, -EIO), outer = job("outer", 20, 7);
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    galley_task *task = galley_spawn(co, work, &outer);
    int rc = galley_gather(co, (work, &a));
    int found = galley_await(co, task);
    note("%s %d", word(rc), found);
    close_and_note(co, "close", &scope);
}

static void gather_past_its_deadline(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 50, 1), b = job("b", 5, 2);
    struct galley_scope scope;
    galley_scope_open(co, &scope, 20);
    int rc = galley_gather(co, (work, &a), (work, &b));
    note("%s %d", word(rc), b.found);
    close_and_note(co, "close", &scope);
}

/* What all have achieved is not turned into a cancellation. */
static void gather_that_is_cancelled_in_vain(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = {.name = "a", .ms = 50, .result = 1, .is_stubborn = true};
    struct galley_scope scope;
    galley_scope_open(co, &scope, 20);
    int rc = galley_gather(co, (work, &a));
    note("%s %d %s", word(rc), a.found, word(galley_sleep_ms(co, 1)));
    close_and_note(co, "close", &scope);
}

static void in_a_cancelled_scope(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 1, 1);
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    galley_scope_cancel(&scope);
    int gathered = galley_gather(co, (work, &a)), raced = galley_race(co, (work, &a));
    note("%s %s", word(gathered), word(raced));
    close_and_note(co, "close", &scope);
}

static int nested(galley_async *co, int *sum)
{
    struct job a = job("na", 3, 10), b = job("nb", 4, 20);
    int rc = galley_gather(co, (work, &a), (work, &b));
    *sum = a.found + b.found;
    return rc;
}

static void gather_in_gather(galley_async *co, void *arg)
{
    (void)arg;
    int one = 0, two = 0;
    int rc = galley_gather(co, (nested, &one), (nested, &two));
    note("%d %d %d", rc, one, two);
}

/* ---- race ---- */

static void first_result_wins(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 30, 1), b = job("b", 10, 2), c = job("c", 20, 3);
    int rc = galley_race(co, (work, &a), (work, &b), (work, &c));
    note("%d %d %d %d", rc, a.found, b.found, c.found);
}

static void zero_wins(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 30, 1), b = job("b", 10, 0);
    int rc = galley_race(co, (work, &a), (work, &b));
    note("%d %s", rc, word(galley_sleep_ms(co, 1)));
}

static void failure_wins(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 30, 1), b = job("b", 10, -EIO);
    int rc = galley_race(co, (work, &a), (work, &b));
    note("%s", word(rc));
}

static void losers_are_joined(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = {.name = "a", .ms = 50, .result = 1, .is_stubborn = true}, b = job("b", 10, 2);
    int rc = galley_race(co, (work, &a), (work, &b));
    note("%d a.found=%d", rc, a.found);
}

static int gives_up(galley_async *co, struct job *job)
{
    (void)co;
    (void)job;
    return -ECANCELED;
}

/* Nobody had cancelled it: this is its result. */
static void ecanceled_as_a_result(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 30, 1);
    int rc = galley_race(co, (work, &a), (gives_up, &a));
    note("%s %s", word(rc), word(galley_sleep_ms(co, 1)));
}

static void race_past_its_deadline(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = job("a", 50, 1), b = job("b", 60, 2);
    struct galley_scope scope;
    galley_scope_open(co, &scope, 20);
    int rc = galley_race(co, (work, &a), (work, &b));
    note("%s", word(rc));
    close_and_note(co, "close", &scope);
}

/* One of them has its result after all: it is not lost. */
static void race_that_is_cancelled_in_vain(galley_async *co, void *arg)
{
    (void)arg;
    struct job a = {.name = "a", .ms = 50, .result = 7, .is_stubborn = true}, b = job("b", 60, 2);
    struct galley_scope scope;
    galley_scope_open(co, &scope, 20);
    int rc = galley_race(co, (work, &b), (work, &a));
    note("%d", rc);
    close_and_note(co, "close", &scope);
}

static void race_of_none(galley_async *co, void *arg)
{
    (void)arg;
    int gathered = galley_gather(co), raced = galley_race(co);
    note("%d %s", gathered, word(raced));
}

/* ---- many ---- */

static void sixty_four(galley_async *co, void *arg)
{
    int n = 0;
    (void)arg;
#define EIGHT                                                                                      \
    (count_runs, &n), (count_runs, &n), (count_runs, &n), (count_runs, &n), (count_runs, &n),      \
        (count_runs, &n), (count_runs, &n), (count_runs, &n)
#define GATHER(...) galley_gather(co, __VA_ARGS__)
    int rc = GATHER(EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT);
    note("%d %d", rc, n);
}

static void too_many(galley_async *co, void *arg)
{
    int n = 0;
    (void)arg;
    int gathered = galley_gather(co, (count_runs, &n), (count_runs, &n), (count_runs, &n));
    int raced = galley_race(co, (count_runs, &n), (count_runs, &n), (count_runs, &n));
    note("%d %d %d", gathered == -EAGAIN, raced == -EAGAIN, n);
    int rc = galley_gather(co, (count_runs, &n), (count_runs, &n));
    note("%d %d", rc, n);
}

static void at_the_cap(void **state)
{
    static const struct rule rule = {"cap", too_many, "1 1 0 0 2 ", 0, NULL};
    *state = (void *)(uintptr_t)&rule;
    check_rule(state);
}

static int set_up_small(void **state)
{
    (void)state;
    world_open(&(struct sched_opts){.fake_now_ms = world_now, .max_coroutines = 3});
    return 0;
}

/* In the arena of a request: what calls took is used again. */
static void gather_often(galley_async *co, void *arg)
{
    int n = 0, failures = 0;
    struct arena arena;
    (void)arg;
    arena_init(&arena, NULL, 0, 64 << 10);
    co->arena = &arena;
    for (int i = 0; i < 10000; i++) {
        failures += galley_gather(co, (count_runs, &n), (count_runs, &n)) < 0;
        failures += galley_race(co, (count_runs, &n), (count_runs, &n)) < 0;
    }
    co->arena = NULL;
    arena_release(&arena);
    note("%d %d", n, failures);
}

static const struct rule rules[] = {
    {"gather: all succeed", all_succeed, "c:0 b:0 a:0 0 1 2 0 ", 31, NULL},
    {"gather: calls of several kinds", of_several_kinds, "b:0 a:0 0 1 1 ", 6, NULL},
    {"gather: the first failure cancels the rest", first_failure, "c:0 b:0 a:ECANCELED EIO 3 0 ",
     13, NULL},
    {"gather: a failure before another has started", failure_before_a_start, "a:0 EIO ", 0, NULL},
    {"gather: its failure is not its scope's", gather_is_not_the_handlers,
     "a:0 outer:0 EIO 7 close:0 ", 21, NULL},
    {"gather: the deadline passes", gather_past_its_deadline,
     "b:0 a:ECANCELED ECANCELED 2 close:ETIMEDOUT ", 20, NULL},
    {"gather: cancelled, and all succeed", gather_that_is_cancelled_in_vain,
     "a:0 0 1 ECANCELED close:ETIMEDOUT ", 51, NULL},
    {"gather and race in a cancelled scope", in_a_cancelled_scope,
     "ECANCELED ECANCELED close:ECANCELED ", 0, NULL},
    {"gather in gather", gather_in_gather, "na:0 na:0 nb:0 nb:0 0 30 30 ", 5, NULL},
    {"race: the first result wins", first_result_wins, "b:0 a:ECANCELED c:ECANCELED 2 0 2 0 ", 11,
     NULL},
    {"race: zero is a result", zero_wins, "b:0 a:ECANCELED 0 0 ", 13, NULL},
    {"race: a failure is a result", failure_wins, "b:0 a:ECANCELED EIO ", 11, NULL},
    {"race: the losers are joined", losers_are_joined, "b:0 a:0 2 a.found=1 ", 51, NULL},
    {"race: -ECANCELED of nobody's is a result", ecanceled_as_a_result, "a:ECANCELED ECANCELED 0 ",
     2, NULL},
    {"race: the deadline passes", race_past_its_deadline,
     "a:ECANCELED b:ECANCELED ECANCELED close:ETIMEDOUT ", 20, NULL},
    {"race: cancelled, and one succeeds", race_that_is_cancelled_in_vain,
     "b:ECANCELED a:0 7 close:ETIMEDOUT ", 51, NULL},
    {"gather and race of none", race_of_none, "0 EINVAL ", 0, NULL},
    {"gather of sixty-four", sixty_four, "0 64 ", 0, NULL},
    {"gather and race ten thousand times", gather_often, "30000 0 ", 0, NULL},
};

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test_setup_teardown(at_the_cap, set_up_small, world_tear_down),
    };
    return WORLD_RUN(rules, others);
}
