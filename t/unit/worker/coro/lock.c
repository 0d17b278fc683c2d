/* t/unit/worker/coro/lock.c - mutexes, semaphores, events: order, cancellation, nothing lost. */
#include <galley/lock.h>

#include "t/unit/worker/coro/world.h"

static struct galley_mutex mutex;
static struct galley_semaphore semaphore;
static struct galley_event event;

/* Who comes when, and how long it stays. */
struct visit {
    const char *name;
    int64_t at_ms, ms, patience_ms; /* patience < 0: no end */
};

static int visit_mutex(galley_async *co, struct visit *visit)
{
    struct galley_scope scope;
    int rc = galley_sleep_ms(co, visit->at_ms);
    if (rc < 0)
        return rc;
    galley_scope_open(co, &scope, visit->patience_ms);
    rc = galley_mutex_lock(co, &mutex);
    note("%s:%s@%d", visit->name, word(rc), (int)(world.now_ms - 1000000));
    if (rc == 0) {
        int slept = galley_sleep_ms(co, visit->ms);
        note("%s-out:%s", visit->name, word(slept));
        note("%s", word(galley_mutex_unlock(co, &mutex)));
    }
    return galley_scope_close(co, &scope) == -ETIMEDOUT ? 0 : rc;
}

static void one_after_the_other(galley_async *co, void *arg)
{
    struct visit a = {"a", 0, 10, -1}, b = {"b", 1, 10, -1}, c = {"c", 2, 10, -1};
    (void)arg;
    int rc = galley_gather(co, (visit_mutex, &a), (visit_mutex, &b), (visit_mutex, &c));
    note("%s", word(rc));
}

static void impatient_waiter(galley_async *co, void *arg)
{
    struct visit a = {"a", 0, 20, -1}, b = {"b", 1, 10, 5}, c = {"c", 2, 10, -1};
    (void)arg;
    int rc = galley_gather(co, (visit_mutex, &a), (visit_mutex, &b), (visit_mutex, &c));
    note("%s %d", word(rc), mutex._owner == 0);
}

static void own_mutex_twice(galley_async *co, void *arg)
{
    (void)arg;
    int first = galley_mutex_lock(co, &mutex), again = galley_mutex_lock(co, &mutex);
    int unlocked = galley_mutex_unlock(co, &mutex), twice = galley_mutex_unlock(co, &mutex);
    note("%s %s %s %s", word(first), word(again), word(unlocked), word(twice));
}

static int unlock_it(galley_async *co, int *unused)
{
    (void)unused;
    return galley_mutex_unlock(co, &mutex);
}

static void unlock_anothers(galley_async *co, void *arg)
{
    int unused;
    (void)arg;
    int rc = galley_mutex_lock(co, &mutex);
    int other = galley_gather(co, (unlock_it, &unused));
    note("%s %s %s", word(rc), word(other), word(galley_mutex_unlock(co, &mutex)));
}

static void in_a_cancelled_scope(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_semaphore_release(co, &semaphore);
    galley_event_set(co, &event);
    galley_scope_open(co, &scope, 0);
    int locked = galley_mutex_lock(co, &mutex), acquired = galley_semaphore_acquire(co, &semaphore);
    int waited = galley_event_wait(co, &event);
    note("%s %s %s", word(locked), word(acquired), word(waited));
    close_and_note(co, "close", &scope);
    note("%d %d", (int)mutex._owner, (int)semaphore._free_count);
}

/* ---- a grant and a cancellation in the same turn ---- */

static int wait_for_mutex(galley_async *co, char *name)
{
    int rc = galley_mutex_lock(co, &mutex);
    int then = galley_sleep_ms(co, 1);
    note("%s:%s then:%s", name, word(rc), word(then));
    if (rc == 0)
        note("%s", word(galley_mutex_unlock(co, &mutex)));
    return rc;
}

static void grant_and_cancel(galley_async *co, bool grant_first)
{
    char b[] = "b", c[] = "c";
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    int rc = galley_mutex_lock(co, &mutex);
    galley_task *first = galley_spawn(co, wait_for_mutex, b);
    galley_task *second = galley_spawn(co, wait_for_mutex, c);
    if (rc == 0)
        rc = galley_sleep_ms(co, 1);
    if (!grant_first)
        galley_task_cancel(first);
    note("%s", word(galley_mutex_unlock(co, &mutex)));
    if (grant_first)
        galley_task_cancel(first);
    int got = galley_await(co, first), also = galley_await(co, second);
    note("%s %s", word(got), word(also));
    close_and_note(co, "close", &scope);
}

static void grant_then_cancel(galley_async *co, void *arg)
{
    (void)arg;
    grant_and_cancel(co, true);
}

static void cancel_then_grant(galley_async *co, void *arg)
{
    (void)arg;
    grant_and_cancel(co, false);
}

/* ---- semaphore ---- */

static int inside_count, most_inside;

static int visit_semaphore(galley_async *co, struct visit *visit)
{
    int rc = galley_sleep_ms(co, visit->at_ms);
    if (rc == 0)
        rc = galley_semaphore_acquire(co, &semaphore);
    if (rc < 0)
        return rc;
    if (++inside_count > most_inside)
        most_inside = inside_count;
    note("%s@%d", visit->name, (int)(world.now_ms - 1000000));
    rc = galley_sleep_ms(co, visit->ms);
    inside_count--;
    galley_semaphore_release(co, &semaphore);
    return rc;
}

static void two_at_a_time(galley_async *co, void *arg)
{
    struct galley_semaphore two = GALLEY_SEMAPHORE(2);
    struct visit a = {"a", 0, 10, -1}, b = {"b", 1, 10, -1}, c = {"c", 2, 10, -1},
                 d = {"d", 3, 10, -1};
    (void)arg;
    semaphore = two;
    int rc = galley_gather(co, (visit_semaphore, &a), (visit_semaphore, &b), (visit_semaphore, &c),
                           (visit_semaphore, &d));
    note("%s %d %d", word(rc), most_inside, (int)semaphore._free_count);
}

static int pass_and_note(galley_async *co, struct visit *visit)
{
    int rc = galley_semaphore_acquire(co, &semaphore);
    note("%s:%s", visit->name, word(rc));
    galley_semaphore_release(co, &semaphore);
    return rc;
}

/* Who comes when somebody waits does not overtake, even in the turn in which it is given. */
static void nobody_overtakes(galley_async *co, void *arg)
{
    struct visit a = {"a", 0, 0, 0};
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *task = galley_spawn(co, pass_and_note, &a);
    int rc = galley_sleep_ms(co, 1);
    galley_semaphore_release(co, &semaphore);
    if (rc == 0)
        rc = galley_semaphore_acquire(co, &semaphore);
    note("self:%s", word(rc));
    rc = galley_await(co, task);
    note("%s", word(rc));
    close_and_note(co, "close", &scope);
}

/* ---- event ---- */

static int wait_for_event(galley_async *co, struct visit *visit)
{
    int rc = galley_sleep_ms(co, visit->at_ms);
    if (rc == 0)
        rc = galley_event_wait(co, &event);
    note("%s:%s@%d", visit->name, word(rc), (int)(world.now_ms - 1000000));
    return rc;
}

static int set_event(galley_async *co, struct visit *visit)
{
    int rc = galley_sleep_ms(co, visit->at_ms);
    galley_event_set(co, &event);
    galley_event_set(co, &event);
    if (visit->ms < 0)
        galley_event_clear(co, &event);
    return rc;
}

static void set_for_all(galley_async *co, void *arg)
{
    struct visit a = {"a", 0, 0, 0}, b = {"b", 1, 0, 0}, late = {"late", 20, 0, 0},
                 setter = {"s", 10, 0, 0};
    (void)arg;
    int rc = galley_gather(co, (wait_for_event, &a), (wait_for_event, &b), (wait_for_event, &late),
                           (set_event, &setter));
    note("%s", word(rc));
}

static void set_and_cleared(galley_async *co, void *arg)
{
    struct visit a = {"a", 0, 0, 0}, late = {"late", 20, 0, 0}, setter = {"s", 10, -1, 0};
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, 50);
    int rc = galley_gather(co, (wait_for_event, &a), (wait_for_event, &late), (set_event, &setter));
    note("%s", word(rc));
    close_and_note(co, "close", &scope);
}

/* Calls that need not wait let others run all the same. */
static void busy_with_locks(galley_async *co, void *arg)
{
    int failures = 0;
    (void)arg;
    galley_semaphore_release(co, &semaphore);
    galley_event_set(co, &event);
    for (int i = 0; i < 300; i++) {
        failures += galley_mutex_lock(co, &mutex) < 0;
        failures += galley_mutex_unlock(co, &mutex) < 0;
        failures += galley_semaphore_acquire(co, &semaphore) < 0;
        galley_semaphore_release(co, &semaphore);
        failures += galley_event_wait(co, &event) < 0;
    }
    note("busy:%d", failures);
}

static void others_get_a_turn(void **state)
{
    (void)state;
    memset(&mutex, 0, sizeof mutex);
    world_check_turns(busy_with_locks);
}

/* ---- any order ---- */

enum { SEEDS = 1000, VISITORS = 8, ROOMS = 3 };
static int mutex_inside, semaphore_inside, refusals, entries, told;

static void check(bool holds, const char *what)
{
    if (!holds)
        fail_msg("%s", what);
}

static void use_mutex(galley_async *co)
{
    int rc = galley_mutex_lock(co, &mutex);
    check(rc == 0 || rc == -ECANCELED, "mutex");
    refusals += rc < 0;
    if (rc < 0)
        return;
    check(++mutex_inside == 1, "two hold the mutex");
    entries++;
    rc = galley_sleep_ms(co, (int64_t)world_random(4));
    mutex_inside--;
    check(galley_mutex_unlock(co, &mutex) == 0, "unlock");
}

static void use_semaphore(galley_async *co)
{
    int rc = galley_semaphore_acquire(co, &semaphore);
    check(rc == 0 || rc == -ECANCELED, "semaphore");
    refusals += rc < 0;
    if (rc < 0)
        return;
    check(++semaphore_inside <= ROOMS, "too many hold the semaphore");
    entries++;
    rc = galley_sleep_ms(co, (int64_t)world_random(4));
    semaphore_inside--;
    galley_semaphore_release(co, &semaphore);
}

static void use_event(galley_async *co)
{
    int rc = 0;
    if (world_random(2) == 0)
        galley_event_set(co, &event);
    else
        rc = galley_event_wait(co, &event);
    if (world_random(2) == 0)
        galley_event_clear(co, &event);
    told += rc == 0;
    refusals += rc < 0;
}

static galley_task *visitors[VISITORS];

static int visitor(galley_async *co, int *index)
{
    (void)index;
    for (int i = 0; i < 6; i++) {
        struct galley_scope scope;
        galley_scope_open(co, &scope, (int64_t)world_random(12));
        switch (world_random(4)) {
        case 0:
        case 1:
            use_mutex(co);
            break;
        case 2:
            use_semaphore(co);
            break;
        default:
            use_event(co);
        }
        if (world_random(10) == 0)
            galley_task_cancel(visitors[world_random(VISITORS)]);
        int rc = galley_scope_close(co, &scope);
        check(rc == 0 || rc == -ETIMEDOUT, "close");
    }
    return 0;
}

static void visit_all(galley_async *co, void *arg)
{
    struct galley_scope scope;
    int index = 0;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    for (size_t i = 0; i < VISITORS; i++)
        visitors[i] = galley_spawn(co, visitor, &index);
    int rc = galley_scope_close(co, &scope);
    check(rc == 0, "close of all");
}

static void any_order(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= SEEDS; i++) {
        struct galley_semaphore fresh = GALLEY_SEMAPHORE(ROOMS);
        semaphore = fresh;
        memset(&mutex, 0, sizeof mutex);
        memset(&event, 0, sizeof event);
        world.seed = i * 0x9e3779b97f4a7c15u;
        world_start("visits", visit_all, NULL);
        world_run();
        if (sched_live_count(world.sched) != 0 || mutex._owner != 0 ||
            semaphore._free_count != ROOMS)
            fail_msg("seed %d: something was lost", (int)i);
    }
    printf("# %d refused, %d entered, %d told\n", refusals, entries, told);
    assert_true(refusals > 1000 && entries > 1000 && told > 1000);
}

static const struct rule rules[] = {
    {"mutex: one after the other, in order", one_after_the_other,
     "a:0@0 a-out:0 0 b:0@11 b-out:0 0 c:0@22 c-out:0 0 0 ", 33, NULL},
    {"mutex: who does not wait to the end loses its place only", impatient_waiter,
     "a:0@0 b:ECANCELED@7 a-out:0 0 c:0@21 c-out:0 0 0 1 ", 32, NULL},
    {"mutex: locked twice, unlocked twice", own_mutex_twice, "0 EDEADLK 0 EPERM ", 0, NULL},
    {"mutex: unlocked by another", unlock_anothers, "0 EPERM 0 ", 0, NULL},
    {"locks in a cancelled scope take nothing", in_a_cancelled_scope,
     "ECANCELED ECANCELED ECANCELED close:ETIMEDOUT 0 1 ", 0, NULL},
    {"mutex: granted, then cancelled in the same turn", grant_then_cancel,
     "0 b:0 then:ECANCELED 0 c:0 then:0 0 0 0 close:0 ", 4, NULL},
    {"mutex: cancelled, then granted in the same turn", cancel_then_grant,
     "0 b:0 then:ECANCELED 0 c:0 then:0 0 0 0 close:0 ", 4, NULL},
    {"semaphore: two at a time", two_at_a_time, "a@0 b@2 c@11 d@13 0 2 2 ", 24, NULL},
    {"semaphore: nobody overtakes", nobody_overtakes, "a:0 self:0 0 close:0 ", 2, NULL},
    {"event: set for all", set_for_all, "a:0@11 b:0@11 late:0@21 0 ", 21, NULL},
    {"event: set and cleared", set_and_cleared,
     "a:0@11 late:ECANCELED@50 ECANCELED close:ETIMEDOUT ", 50, NULL},
};

static void forget(void)
{
    memset(&mutex, 0, sizeof mutex);
    memset(&semaphore, 0, sizeof semaphore);
    memset(&event, 0, sizeof event);
}

static void each_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        void *rule = (void *)(uintptr_t)&rules[i];
        forget();
        world.trace[0] = '\0';
        world.now_ms = 1000000;
        print_message("# %s\n", rules[i].name);
        check_rule(&rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_rule, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(others_get_a_turn, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(any_order, world_set_up_shuffled, world_tear_down),
    };
    return _cmocka_run_group_tests("tests", tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
