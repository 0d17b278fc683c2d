/* sql_world.h - coroutines with databases in a unit test: a real loop, threads, a folder of its own.
 * Does:     run a function as a coroutine with memory, to its end; see that nothing is left over.
 * Does not: serve. */
#ifndef T_UNIT_WORKER_IO_SQL_WORLD_H
#define T_UNIT_WORKER_IO_SQL_WORLD_H

#include "t/unit/worker/coro/world.h"

#include <ftw.h>

#include <galley.h>

#include "worker/coro/pool.h"
#include "worker/io/remotes.h"
#include "worker/io/sql.h"

static struct {
    struct pool *pool;
    struct remotes *remotes;
    char folder[64], url[128];
} here;

static inline int sql_set_up(void **state)
{
    world_set_up_real(state);
    here.pool = pool_new(world.sched, &(struct pool_opts){.stats = &world.stats});
    here.remotes = remotes_new(world.sched, &world.stats);
    snprintf(here.folder, sizeof here.folder, "/tmp/galley-sql-XXXXXX");
    assert_non_null(mkdtemp(here.folder));
    snprintf(here.url, sizeof here.url, "sqlite:%s/test.db", here.folder);
    return here.pool != NULL && here.remotes != NULL ? 0 : -1;
}

static inline int sql_remove(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static inline int sql_tear_down(void **state)
{
    assert_int_equal(sched_live_count(world.sched), 0);
    assert_false(sched_expects_events(world.sched));
    assert_int_equal(world.stats.pool_waiting, 0);
    assert_true(remotes_free(here.remotes));
    assert_true(pool_free(here.pool, 10000));
    assert_int_equal(nftw(here.folder, sql_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
    return world_tear_down(state);
}

/* A file of the folder. */
static inline void sql_write_file(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", here.folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

struct sql_call {
    void (*fn)(galley_async *co);
    struct arena memory;
};

static inline void sql_call_main(galley_async *co, void *arg)
{
    struct sql_call *call = arg;
    arena_init(&call->memory, NULL, 0, 256 << 20);
    co->arena = &call->memory;
    call->fn(co);
    coro_join_forgotten(co);
    coro_run_defers(co);
    co->arena = NULL;
    co->why = NULL;
    arena_release(&call->memory);
}

/* Run `fn` as a coroutine, and the loop until none lives. */
static inline void sql_in(void (*fn)(galley_async *co))
{
    struct sql_call call = {.fn = fn};
    world_start("test", sql_call_main, &call);
    world_loop();
}

/* A row of a table of tests is a function that runs as a coroutine. */
static inline void sql_check(void **state)
{
    sql_in((void (*)(galley_async *))(uintptr_t)*state);
}
#define SQL_TEST(fn)                                                                               \
    {                                                                                              \
#fn, sql_check, sql_set_up, sql_tear_down, (void *)(uintptr_t)(fn)                         \
    }

#define assert_why(co, part)                                                                       \
    do {                                                                                           \
        if (strstr(galley_why(co), part) == NULL)                                                  \
            fail_msg("\"%s\" does not tell \"%s\"", galley_why(co), part);                         \
    } while (0)

#endif
