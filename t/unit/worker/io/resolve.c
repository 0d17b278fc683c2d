/* resolve.c - tests of name resolution on threads: what is asked, how often, and who may leave meanwhile. */
#include "unit/worker/coro/world.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include <galley/error.h>

#include "worker/io/resolve.h"

static struct remotes *remotes;
static atomic_int lookup_count;
static sem_t may_answer, has_answered;

/* Knows a.example and nothing else; slow ones take until may_answer. */
static int fake_lookup(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    struct addrinfo numeric = *hints;
    lookup_count++;
    if (strncmp(host, "slow", 4) == 0)
        sem_wait(&may_answer), sem_post(&has_answered);
    else if (strcmp(host, "a.example") != 0)
        return EAI_NONAME;
    numeric.ai_flags = AI_NUMERICHOST;
    return getaddrinfo("192.0.2.7", service, &numeric, found);
}

static int set_up(void **state)
{
    world_set_up_real(state);
    sem_init(&may_answer, 0, 0);
    sem_init(&has_answered, 0, 0);
    lookup_count = 0;
    remotes = remotes_new(world.sched, &world.stats);
    assert_non_null(remotes);
    remotes->resolver = resolver_new(remotes, fake_lookup);
    assert_non_null(remotes->resolver);
    return 0;
}

static int tear_down(void **state)
{
    assert_true(remotes_free(remotes));
    world_tear_down(state);
    sem_destroy(&may_answer);
    sem_destroy(&has_answered);
    return 0;
}

static void ask(galley_async *co, void *arg)
{
    struct resolved found;
    char text[64] = "";
    int rc = resolve(co, arg, 443, &found, GALLEY_HERE);
    if (rc == 0)
        resolve_print(&found.at[0], text, sizeof text);
    if (rc == 0 && found.at[0].sa.sa_family == AF_INET)
        note("%s:%d", text, ntohs(found.at[0].in.sin_port));
    else if (rc == 0)
        note("%s:%d", text, ntohs(found.at[0].in6.sin6_port));
    else
        note("%s", rc == -GALLEY_ENAME ? "ENAME" : word(rc));
}

static void ask_with_memory(galley_async *co, void *arg)
{
    struct arena memory;
    arena_init(&memory, NULL, 0, 1 << 16);
    co->arena = &memory;
    ask(co, arg);
    note("%s", galley_why(co));
    co->arena = NULL;
    co->why = NULL;
    arena_release(&memory);
}

static void start(void (*entry)(galley_async *, void *), const char *host)
{
    world_start("ask", entry, (void *)(uintptr_t)host);
}

struct row {
    const char *name, *host, *noted;
    int lookups;
};
static const struct row rows[] = {
    {"an IPv4 address is answered at once", "127.0.0.1", "127.0.0.1:443 ", 0},
    {"an IPv6 address, too", "::1", "::1:443 ", 0},
    {"a name", "a.example", "192.0.2.7:443 ", 1},
    {"a name that nobody knows", "b.example", "ENAME ", 1},
    {"no name", "", "ENAME ", 0},
    {"a name that is too long",
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     "ENAME ", 0},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    start(ask, row->host);
    world_loop();
    assert_string_equal(world.trace, row->noted);
    assert_int_equal(lookup_count, row->lookups);
}

static void says_why(void **state)
{
    (void)state;
    start(ask_with_memory, "b.example");
    world_loop();
    assert_non_null(strstr(world.trace, "ENAME cannot resolve b.example: Name or service not "
                                        "known (t/unit/worker/io/resolve.c:"));
}

static void asks_once(void **state)
{
    struct resolved found;
    (void)state;
    for (int i = 0; i < 3; i++)
        start(ask, "slow.example");
    assert_true(sched_expects_events(world.sched));
    assert_false(resolve_known(remotes, "slow.example", 80, &found));
    sem_post(&may_answer);
    world_loop();
    assert_false(sched_expects_events(world.sched));
    assert_string_equal(world.trace, "192.0.2.7:443 192.0.2.7:443 192.0.2.7:443 ");
    assert_int_equal(lookup_count, 1);
    assert_true(resolve_known(remotes, "SLOW.example", 80, &found));
    assert_int_equal(ntohs(found.at[0].in.sin_port), 80);
}

/* The clock of the answers is the loop's. */
static void keeps_answers(void **state)
{
    static const struct {
        const char *host;
        int64_t after_ms;
        int lookups;
    } steps[] = {
        {"a.example", 0, 1}, {"a.example", 29000, 1}, {"a.example", 2000, 2},
        {"b.example", 0, 3}, {"b.example", 4000, 3},  {"b.example", 2000, 4},
    };
    (void)state;
    int64_t now_ms = clock_now_ms();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        loop_set_now_ms(world.loop, now_ms += steps[i].after_ms);
        start(ask, steps[i].host);
        world_loop();
        assert_int_equal(lookup_count, steps[i].lookups);
    }
}

static galley_async *asking;
static void ask_and_leave(galley_async *co, void *arg)
{
    asking = co;
    ask(co, arg);
}
static void cancel_asking(galley_async *co, void *arg)
{
    (void)co, (void)arg;
    coro_cancel(asking, GALLEY_BY_USER);
}

/* One that leaves does not take the answer from the others. */
static void may_leave(void **state)
{
    struct resolved found;
    (void)state;
    start(ask_and_leave, "slow.example");
    world_start("cancels", cancel_asking, NULL);
    world_loop();
    assert_string_equal(world.trace, "ECANCELED ");
    start(ask, "slow.example");
    sem_post(&may_answer);
    world_loop();
    assert_string_equal(world.trace, "ECANCELED 192.0.2.7:443 ");
    assert_int_equal(lookup_count, 1);
    assert_true(resolve_known(remotes, "slow.example", 80, &found));
}

/* More names than are kept: the ones used least recently go. */
static void forgets(void **state)
{
    char host[32];
    struct resolved found;
    (void)state;
    start(ask, "a.example");
    world_loop();
    for (int i = 0; i < 600; i++) {
        snprintf(host, sizeof host, "n%d.example", i);
        world.trace[0] = '\0';
        start(ask, host);
        world_loop();
        assert_string_equal(world.trace, "ENAME ");
    }
    assert_false(resolve_known(remotes, "a.example", 80, &found));
    assert_int_equal(lookup_count, 601);
}

/* A thread that hangs in a call is left alone; what is still queued is not asked any more. */
static void leaves_what_hangs(void **state)
{
    (void)state;
    static const char *const hosts[] = {"slow.example", "slow2.example", "a.example"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        start(ask_and_leave, hosts[i]);
        coro_cancel(asking, GALLEY_BY_USER);
    }
    world_loop();
    assert_string_equal(world.trace, "ECANCELED ECANCELED ECANCELED ");
    while (lookup_count < 2)
        sched_yield();
    assert_false(resolver_free(remotes->resolver));
    for (int i = 0; i < 2; i++) {
        sem_post(&may_answer);
        sem_wait(&has_answered);
    }
    assert_true(resolver_free(remotes->resolver));
    remotes->resolver = NULL;
    assert_int_equal(lookup_count, 2);
}

/* The real one knows what every hosts file knows. */
static void asks_the_system(void **state)
{
    (void)state;
    assert_true(resolver_free(remotes->resolver));
    remotes->resolver = NULL;
    start(ask, "localhost");
    world_loop();
    assert_true(strcmp(world.trace, "127.0.0.1:443 ") == 0 || strcmp(world.trace, "::1:443 ") == 0);
}

int main(void)
{
    struct CMUnitTest tests[32] = {{0}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        tests[count++] = (struct CMUnitTest){rows[i].name, check_row, set_up, tear_down,
                                             (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest others[] = {
        cmocka_unit_test_setup_teardown(says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(may_leave, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_the_system, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_what_hangs, set_up, tear_down),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        tests[count++] = others[i];
    return _cmocka_run_group_tests("resolve", tests, count, NULL, NULL);
}
