/* t/unit/worker/io/conn_pool.c - borrowing connections: order, cancellation against grant in every interleaving, failures
 * of opening, age and death; nothing is lost, nobody is forgotten, whatever the order. */
#include "worker/io/conn_pool.h"

#include <galley/error.h>

#include "t/unit/worker/coro/seeds.h"

struct fake {
    struct pooled pooled;
    int id;
    bool is_dead, is_held;
};

static struct {
    struct conn_pool *pool;
    int next_id, live, most_live;
    int64_t open_ms;  /* how long opening takes */
    int fail_next;    /* so many openings fail */
    int fail_percent; /* drawn */
    int error;        /* 0: ECONNREFUSED */
} fakes;

static GALLEY_YIELDS int fake_open(galley_async *co, void *arg, struct pooled **conn,
                                   const char *here)
{
    (void)arg;
    int64_t ms = fakes.open_ms < 0 ? (int64_t)world_random(4) : fakes.open_ms;
    int rc = ms > 0 ? galley_sleep_ms(co, ms) : 0;
    if (rc < 0)
        return rc;
    if (fakes.fail_next > 0 || world_random(100) < (uint64_t)fakes.fail_percent) {
        fakes.fail_next -= fakes.fail_next > 0;
        return coro_fail(co, fakes.error ?: -ECONNREFUSED, here, "nobody there");
    }
    struct fake *fake = calloc(1, sizeof *fake);
    fake->id = ++fakes.next_id;
    *conn = &fake->pooled;
    if (++fakes.live > fakes.most_live)
        fakes.most_live = fakes.live;
    return 0;
}

static struct fake *fake_of(struct pooled *conn)
{
    return LIST_ENTRY(conn, struct fake, pooled);
}

static bool fake_is_alive(struct pooled *conn)
{
    return !fake_of(conn)->is_dead;
}

static void fake_close(struct pooled *conn)
{
    fakes.live--;
    free(fake_of(conn));
}

static const struct conn_pool_ops fake_ops = {fake_open, fake_is_alive, fake_close};

static void pool_open(const struct conn_pool_opts *opts)
{
    memset(&fakes, 0, sizeof fakes);
    fakes.pool = conn_pool_new(world.sched, &fake_ops, NULL, opts);
    assert_non_null(fakes.pool);
}

/* What must hold when all have gone. */
static void pool_close(void)
{
    const struct conn_pool_stats stats = *conn_pool_stats(fakes.pool);
    check(stats.waiting_now == 0, "somebody waits");
    check(stats.open_now == stats.idle_now, "a connection or a slot is lost");
    check((int)stats.open_now == fakes.live, "the pool miscounts");
    check((int)(stats.opened - stats.closed) == fakes.live, "opened and closed do not add up");
    conn_pool_free(fakes.pool);
    check(fakes.live == 0, "a connection is left open");
}

static void ignore(int rc)
{
    (void)rc;
}

static const char *said(int rc)
{
    switch (rc) {
    case -GALLEY_EFULL:
        return "EFULL";
    case -ECONNREFUSED:
        return "ECONNREFUSED";
    default:
        return word(rc);
    }
}

/* Who comes when, how long it stays, how long it would wait. */
struct visit {
    const char *name;
    int64_t at_ms, ms, patience_ms; /* patience < 0: no end */
    bool breaks_it;
};

static int visit(galley_async *co, struct visit *v)
{
    struct galley_scope scope;
    struct pooled *conn;
    if (v->at_ms > 0 && galley_sleep_ms(co, v->at_ms) < 0)
        return 0;
    galley_scope_open(co, &scope, v->patience_ms);
    int rc = conn_pool_take(co, fakes.pool, &conn, "here");
    if (rc < 0) {
        note("%s:%s", v->name, said(rc));
    } else {
        note("%s:%d", v->name, fake_of(conn)->id);
        check(!fake_of(conn)->is_held, "two have the same connection");
        fake_of(conn)->is_held = true;
        ignore(galley_sleep_ms(co, v->ms));
        fake_of(conn)->is_held = false;
        conn_pool_give(fakes.pool, conn, !v->breaks_it);
    }
    ignore(galley_scope_close(co, &scope));
    return 0;
}

static void visit_all(galley_async *co, struct visit *visits, size_t count)
{
    struct galley_scope scope;
    galley_task *tasks[16];
    galley_scope_open(co, &scope, -1);
    for (size_t i = 0; i < count; i++)
        tasks[i] = galley_spawn(co, visit, &visits[i]);
    for (size_t i = 0; i < count; i++)
        ignore(galley_await(co, tasks[i]));
    ignore(galley_scope_close(co, &scope));
}
#define VISITS(co, ...)                                                                            \
    visit_all(co, (struct visit[]){__VA_ARGS__},                                                   \
              sizeof((struct visit[]){__VA_ARGS__}) / sizeof(struct visit))

/* ---- order ---- */

static void in_order(galley_async *co, void *arg)
{
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    VISITS(co, {"a", 0, 9, -1, 0}, {"b", 2, 9, -1, 0}, {"c", 1, 9, -1, 0}, {"d", 3, 9, -1, 0});
    note("%d", (int)conn_pool_stats(fakes.pool)->waited);
    pool_close();
}

static void last_in_first_out(galley_async *co, void *arg)
{
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 3});
    VISITS(co, {"a", 0, 4, -1, 0}, {"b", 0, 9, -1, 0}, {"c", 0, 6, -1, 0}, {"d", 20, 1, -1, 0},
           {"e", 30, 1, -1, 0});
    note("%d", fakes.most_live);
    pool_close();
}

static void nobody_overtakes(galley_async *co, void *arg)
{
    (void)arg; /* c comes in the turn in which a gives to b */
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    VISITS(co, {"a", 0, 9, -1, 0}, {"b", 1, 9, -1, 0}, {"c", 9, 9, -1, 0});
    pool_close();
}

/* ---- bounds ---- */

static void full(galley_async *co, void *arg)
{
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 1, .max_waiting = 1});
    VISITS(co, {"a", 0, 9, -1, 0}, {"b", 1, 1, -1, 0}, {"c", 2, 1, -1, 0});
    note("%d", (int)conn_pool_stats(fakes.pool)->refused);
    pool_close();
}

static void own_patience(galley_async *co, void *arg)
{
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 1, .max_wait_ms = 5});
    VISITS(co, {"a", 0, 20, -1, 0}, {"b", 1, 1, -1, 0}, {"c", 19, 1, -1, 0});
    pool_close();
}

static void scope_deadline(galley_async *co, void *arg)
{
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    VISITS(co, {"a", 0, 20, -1, 0}, {"b", 1, 1, 5, 0}, {"c", 2, 1, -1, 0});
    pool_close();
}

static void in_a_cancelled_scope(galley_async *co, void *arg)
{
    struct galley_scope scope;
    struct pooled *conn;
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    galley_scope_open(co, &scope, -1);
    galley_scope_cancel(&scope);
    note("%s", word(conn_pool_take(co, fakes.pool, &conn, NULL)));
    close_and_note(co, "close", &scope);
    pool_close();
}

/* ---- a grant and a cancellation in the same turn ---- */

static void grant_and_cancel(galley_async *co, bool grant_first, bool is_reusable)
{
    struct galley_scope scope;
    struct pooled *conn;
    struct visit b = {"b", 0, 1, -1, 0}, c = {"c", 0, 1, -1, 0};
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    galley_scope_open(co, &scope, -1);
    int rc = conn_pool_take(co, fakes.pool, &conn, NULL);
    galley_task *first = galley_spawn(co, visit, &b), *second = galley_spawn(co, visit, &c);
    if (rc == 0)
        rc = galley_sleep_ms(co, 1);
    note("%s", word(rc));
    if (!grant_first)
        galley_task_cancel(first);
    conn_pool_give(fakes.pool, conn, is_reusable);
    if (grant_first)
        galley_task_cancel(first);
    ignore(galley_await(co, first) + galley_await(co, second));
    close_and_note(co, "close", &scope);
    pool_close();
}

static void grant_then_cancel(galley_async *co, void *arg)
{
    (void)arg;
    grant_and_cancel(co, true, true);
}

static void cancel_then_grant(galley_async *co, void *arg)
{
    (void)arg;
    grant_and_cancel(co, false, true);
}

static void slot_then_cancel(galley_async *co, void *arg)
{
    (void)arg;
    grant_and_cancel(co, true, false);
}

static void cancel_then_slot(galley_async *co, void *arg)
{
    (void)arg;
    grant_and_cancel(co, false, false);
}

/* ---- opening ---- */

static void opening_fails(galley_async *co, void *arg)
{
    (void)arg; /* each has to see for itself */
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    fakes.open_ms = 3;
    fakes.fail_next = 2;
    VISITS(co, {"a", 0, 1, -1, 0}, {"b", 1, 1, -1, 0}, {"c", 2, 1, -1, 0});
    pool_close();
}

/* A second one cannot be opened, for the third time it can: b comes for it, then c. */
static void second_cannot_be_opened(galley_async *co, int error)
{
    struct visit a = {"a", 0, 12, -1, 0}, b = {"b", 0, 1, -1, 0}, c = {"c", 0, 1, -1, 0};
    pool_open(&(struct conn_pool_opts){.max_open = 2});
    fakes.open_ms = 1;
    galley_task *first = galley_spawn(co, visit, &a);
    ignore(galley_sleep_ms(co, 3));
    fakes.fail_next = 2;
    fakes.error = error;
    galley_task *second = galley_spawn(co, visit, &b), *third = galley_spawn(co, visit, &c);
    ignore(galley_await(co, second) + galley_await(co, third) + galley_await(co, first));
    pool_close();
}

static void second_is_refused(galley_async *co, void *arg)
{
    (void)arg;
    second_cannot_be_opened(co, -ECONNREFUSED);
}

static void server_is_full(galley_async *co, void *arg)
{
    (void)arg;
    second_cannot_be_opened(co, -GALLEY_ENOT_READY);
}

static void cancelled_while_opening(galley_async *co, void *arg)
{
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    fakes.open_ms = 10;
    VISITS(co, {"a", 0, 1, 5, 0}, {"b", 1, 1, -1, 0});
    pool_close();
}

static void broken_ones_are_replaced(galley_async *co, void *arg)
{
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    VISITS(co, {"a", 0, 5, -1, true}, {"b", 1, 5, -1, true}, {"c", 2, 5, -1, 0},
           {"d", 40, 1, -1, 0});
    note("%d", (int)conn_pool_stats(fakes.pool)->closed);
    pool_close();
}

/* ---- age and death, by the loop's clock ---- */

/* Of two idle ones, both dead, after `ms`: the next one that is borrowed. */
static void borrow_after(galley_async *co, const struct conn_pool_opts *opts, int64_t ms,
                         bool are_suspect)
{
    struct pooled *conns[2];
    loop_set_now_ms(world.loop, 1000);
    pool_open(opts);
    int rc = conn_pool_take(co, fakes.pool, &conns[0], NULL);
    rc += conn_pool_take(co, fakes.pool, &conns[1], NULL);
    note("%s", word(rc));
    for (int i = 0; i < 2; i++) {
        fake_of(conns[i])->is_dead = true;
        conn_pool_give(fakes.pool, conns[i], true);
    }
    loop_set_now_ms(world.loop, 1000 + ms);
    if (are_suspect)
        conn_pool_suspect(fakes.pool);
    note("%d", fakes.live);
    VISITS(co, {"a", 0, 1, -1, 0});
    pool_close();
}

static void not_looked_at(galley_async *co, void *arg)
{
    (void)arg;
    borrow_after(co, &(struct conn_pool_opts){.max_open = 2}, 999, false);
}

static void dead_after_a_while(galley_async *co, void *arg)
{
    (void)arg;
    borrow_after(co, &(struct conn_pool_opts){.max_open = 2}, 1000, false);
}

static void suspect(galley_async *co, void *arg)
{
    (void)arg;
    borrow_after(co, &(struct conn_pool_opts){.max_open = 2}, 1, true);
}

static void too_old(galley_async *co, void *arg)
{
    (void)arg;
    borrow_after(co,
                 &(struct conn_pool_opts){.max_open = 2, .max_age_ms = 100, .look_after_ms = 1000},
                 110, false);
}

static void not_too_old(galley_async *co, void *arg)
{
    (void)arg;
    borrow_after(co,
                 &(struct conn_pool_opts){.max_open = 2, .max_age_ms = 100, .look_after_ms = 1000},
                 89, false);
}

static void too_old_while_borrowed(galley_async *co, void *arg)
{
    struct pooled *conn;
    (void)arg;
    loop_set_now_ms(world.loop, 1000);
    pool_open(&(struct conn_pool_opts){.max_age_ms = 100});
    int rc = conn_pool_take(co, fakes.pool, &conn, NULL);
    loop_set_now_ms(world.loop, 1200);
    conn_pool_give(fakes.pool, conn, true);
    note("%s %d", word(rc), fakes.live);
    pool_close();
}

static void dropped(galley_async *co, void *arg)
{
    struct pooled *conn;
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 1});
    int rc = conn_pool_take(co, fakes.pool, &conn, NULL);
    conn_pool_drop(fakes.pool, conn); /* borrowed: nothing */
    note("%s %d", word(rc), fakes.live);
    conn_pool_give(fakes.pool, conn, true);
    conn_pool_drop(fakes.pool, conn);
    note("%d", fakes.live);
    VISITS(co, {"a", 0, 1, -1, 0});
    pool_close();
}

static void idle_for_long(galley_async *co, void *arg)
{
    struct pooled *conns[2];
    (void)arg;
    pool_open(&(struct conn_pool_opts){.max_open = 2, .close_idle_ms = 20});
    int rc = conn_pool_take(co, fakes.pool, &conns[0], NULL);
    rc += conn_pool_take(co, fakes.pool, &conns[1], NULL);
    conn_pool_give(fakes.pool, conns[0], true);
    conn_pool_give(fakes.pool, conns[1], true);
    for (int i = 0; i < 1000 && fakes.live > 0; i++)
        rc += galley_sleep_ms(co, 5);
    note("%s %d", word(rc), fakes.live);
    pool_close();
}

static void test_idle_are_closed(void **state)
{
    (void)state;
    world_start("case", idle_for_long, NULL);
    world_loop();
    assert_string_equal(world.trace, "0 0 ");
}

/* ---- answers that may gather ---- */

enum { RELAY_CONNECTIONS_MAX = 16, RELAY_RUNNERS = 140 };
static struct {
    int runs, runs_per_ms;
    int64_t now_ms;
} relay;

/* Takes the connection when it comes by; so many a millisecond do. */
static int runner(galley_async *co, int *unused)
{
    struct pooled *conn = NULL;
    (void)unused;
    if (conn_pool_take(co, fakes.pool, &conn, NULL) < 0)
        return 0;
    if (++relay.runs % relay.runs_per_ms == 0)
        loop_set_now_ms(world.loop, ++relay.now_ms);
    if (relay.runs == RELAY_RUNNERS - 1)
        note("%d", (int)conn_pool_linger_us(fakes.pool));
    conn_pool_give(fakes.pool, conn, true);
    return 0;
}

/* One connection goes from hand to hand, the others are out: how long the loop may linger before, near the end, after. */
static void pass_on(galley_async *co, size_t connections, int runs_per_ms)
{
    struct galley_scope scope;
    struct pooled *held[RELAY_CONNECTIONS_MAX];
    galley_task *tasks[RELAY_RUNNERS];
    int unused = 0, rc = 0;
    relay.runs = 0;
    relay.runs_per_ms = runs_per_ms;
    loop_set_now_ms(world.loop, relay.now_ms = 1000);
    pool_open(&(struct conn_pool_opts){.max_open = connections});
    galley_scope_open(co, &scope, -1);
    for (size_t i = 0; i < connections; i++)
        rc += conn_pool_take(co, fakes.pool, &held[i], NULL);
    for (int i = 0; i < RELAY_RUNNERS; i++)
        tasks[i] = galley_spawn(co, runner, &unused);
    rc += galley_sleep_ms(co, 1); /* they wait now */
    note("%s %d", word(rc), (int)conn_pool_linger_us(fakes.pool));
    conn_pool_give(fakes.pool, held[0], true);
    for (int i = 0; i < RELAY_RUNNERS; i++)
        ignore(galley_await(co, tasks[i]));
    note("%d", (int)conn_pool_linger_us(fakes.pool));
    for (size_t i = 1; i < connections; i++)
        conn_pool_give(fakes.pool, held[i], true);
    ignore(galley_scope_close(co, &scope));
    pool_close();
}

static void answers_gather(galley_async *co, void *arg)
{
    (void)arg;
    pass_on(co, 16, 8); /* each is borrowed for 2 ms: an eighth */
    pass_on(co, 16, 1); /* at most half a ms */
    pass_on(co, 15, 8); /* too few are expected */
}

/* ---- a thousand orders ---- */

enum { VISITORS = 24, ROUNDS = 3 };
static int held_count, granted_count, cancelled_count, failed_count;

static void judge_visit(galley_async *co, int rc, struct pooled *conn)
{
    if (rc < 0) {
        cancelled_count += rc == -ECANCELED;
        failed_count += rc != -ECANCELED;
        check(rc == -ECANCELED || rc == -ECONNREFUSED || rc == -ETIMEDOUT || rc == -GALLEY_EFULL ||
                  rc == -GALLEY_ENOT_READY,
              "an answer that is none");
        check(rc != -ECANCELED || galley_cancel_reason(co) != GALLEY_NOT_CANCELLED,
              "ECANCELED without a reason");
        return;
    }
    granted_count++;
    check(++held_count <= 3, "more are held than may be open");
    check(!fake_of(conn)->is_held, "two have the same connection");
    fake_of(conn)->is_held = true;
    ignore(galley_sleep_ms(co, (int64_t)world_random(5)));
    fake_of(conn)->is_held = false;
    held_count--;
    fake_of(conn)->is_dead = world_random(8) == 0;
    conn_pool_give(fakes.pool, conn, world_random(5) > 0);
}

static int visitor(galley_async *co, int *unused)
{
    (void)unused;
    for (int round = 0; round < ROUNDS; round++) {
        struct galley_scope scope;
        struct pooled *conn = NULL;
        if (galley_sleep_ms(co, (int64_t)world_random(8)) < 0)
            return 0;
        galley_scope_open(co, &scope, world_random(3) ? -1 : (int64_t)world_random(12));
        int rc = conn_pool_take(co, fakes.pool, &conn, NULL);
        judge_visit(co, rc, conn);
        ignore(galley_scope_close(co, &scope));
        if (world_random(16) == 0)
            conn_pool_suspect(fakes.pool);
    }
    return 0;
}

static void any_order(galley_async *co, void *arg)
{
    int unused = 0;
    struct galley_scope scope;
    galley_task *tasks[VISITORS];
    (void)arg;
    pool_open(&(struct conn_pool_opts){
        .max_open = 3, .max_waiting = 18, .max_wait_ms = world_random(2) ? 9 : 0});
    fakes.open_ms = -1;
    fakes.fail_percent = world_random(2) ? 30 : 0;
    fakes.error = world_random(2) ? -GALLEY_ENOT_READY : 0;
    galley_scope_open(co, &scope, -1);
    for (int i = 0; i < VISITORS; i++)
        tasks[i] = galley_spawn(co, visitor, &unused);
    for (int i = 0; i < VISITORS / 3; i++) {
        ignore(galley_sleep_ms(co, (int64_t)world_random(3)));
        galley_task_cancel(tasks[world_random(VISITORS)]);
    }
    for (int i = 0; i < VISITORS; i++)
        ignore(galley_await(co, tasks[i]));
    ignore(galley_scope_close(co, &scope));
    check(fakes.most_live <= 3, "more are open than may be");
    pool_close();
}

static void test_any_order(void **state)
{
    (void)state;
    for (int number = 1; number <= seed_count(); number++)
        run_seed(number, any_order, NULL);
    assert_int_equal(held_count, 0);
    assert_true(granted_count > 0 && cancelled_count > 0 && failed_count > 0);
}

static const struct rule rules[] = {
    {"in order of arrival", in_order, "a:1 c:1 b:1 d:1 3 ", 40, NULL},
    {"last in, first out", last_in_first_out, "a:1 b:2 c:3 d:2 e:2 3 ", 33, NULL},
    {"nobody overtakes", nobody_overtakes, "a:1 b:1 c:1 ", 30, NULL},
    {"too many wait", full, "a:1 c:EFULL b:1 1 ", 12, NULL},
    {"the pool's patience", own_patience, "a:1 b:ETIMEDOUT c:1 ", 23, NULL},
    {"the scope's deadline", scope_deadline, "a:1 b:ECANCELED c:1 ", 23, NULL},
    {"in a cancelled scope", in_a_cancelled_scope, "ECANCELED close:ECANCELED ", 0, NULL},
    {"a grant, then a cancellation", grant_then_cancel, "0 b:ECANCELED c:1 close:0 ", 4, NULL},
    {"a cancellation, then a grant", cancel_then_grant, "0 b:ECANCELED c:1 close:0 ", 4, NULL},
    {"a slot, then a cancellation", slot_then_cancel, "0 b:ECANCELED c:2 close:0 ", 4, NULL},
    {"a cancellation, then a slot", cancel_then_slot, "0 b:ECANCELED c:2 close:0 ", 4, NULL},
    {"opening fails", opening_fails, "a:ECONNREFUSED b:ECONNREFUSED c:1 ", 14, NULL},
    {"a second one is refused", second_is_refused, "a:1 b:ECONNREFUSED c:1 ", 17, NULL},
    {"the server takes no more", server_is_full, "a:1 c:1 b:1 ", 19, NULL},
    {"cancelled while opening", cancelled_while_opening, "a:ECANCELED b:1 ", 18, NULL},
    {"broken ones are replaced", broken_ones_are_replaced, "a:1 b:2 c:3 d:3 2 ", 43, NULL},
    {"idle for less than a second", not_looked_at, "0 2 a:2 ", 2, NULL},
    {"dead for a while", dead_after_a_while, "0 2 a:3 ", 2, NULL},
    {"all are suspect", suspect, "0 0 a:3 ", 2, NULL},
    {"too old", too_old, "0 2 a:3 ", 2, NULL},
    {"nearly too old", not_too_old, "0 2 a:2 ", 2, NULL},
    {"too old while borrowed", too_old_while_borrowed, "0 0 ", 0, NULL},
    {"dropped while idle", dropped, "0 1 0 a:2 ", 2, NULL},
    {"answers gather", answers_gather, "0 0 250 0 0 0 500 0 0 0 0 0 ", 6, NULL},
};

static const struct CMUnitTest others[] = {
    cmocka_unit_test_setup_teardown(test_idle_are_closed, world_set_up_real, world_tear_down),
    cmocka_unit_test_setup_teardown(test_any_order, world_set_up_shuffled, world_tear_down),
};

int main(void)
{
    return WORLD_RUN(rules, others);
}
