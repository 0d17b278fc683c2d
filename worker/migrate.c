/* migrate.c - the start hook of an application, run for what it does to databases, without serving.
 * Does:     a loop, a scheduler, threads and the application; the start hook, in which galley_sql_open applies what is
 *           missing, and tells; the stop hook.
 * Does not: print, listen, or know SQL.
 * See:      worker.h, worker/io/sql_migrate.c, cli/cmd_migrate.c */
#include <stdlib.h>

#include "common/log.h"
#include "common/mp.h"
#include "worker/app/app.h"
#include "worker/app/app_load.h"
#include "worker/coro/pool.h"
#include "worker/io/remotes.h"
#include "worker/worker.h"

enum { POOL_GRACE_MS = 5000 };

struct migration {
    struct app *app;
    struct loop *loop;
    struct sched *sched;
    struct pool *pool;
    struct remotes *remotes;
    struct stats stats;
    struct mp_writer writer;
    struct errmsg *why;
    int result;
};

static int tell(void *arg, const char *database, int number, const char *name)
{
    struct migration *m = arg;
    mp_put_map(&m->writer, 3);
    mp_put_str(&m->writer, "database");
    mp_put_str(&m->writer, database);
    mp_put_str(&m->writer, "number");
    mp_put_int(&m->writer, number);
    mp_put_str(&m->writer, "name");
    mp_put_str(&m->writer, name);
    return m->writer.error;
}

static GALLEY_YIELDS void hooks_main(galley_async *co, void *arg)
{
    struct migration *m = arg;
    m->result = app_start(m->app, co, m->why);
    if (m->result == 0)
        app_stop(m->app, co);
}

static int64_t before_poll(void *arg)
{
    struct migration *m = arg;
    int64_t wait_ms = sched_run(m->sched);
    if (sched_live_count(m->sched) == 0)
        loop_stop(m->loop);
    return remotes_flush(m->remotes) ? 0 : wait_ms;
}

static int run_hooks(struct migration *m)
{
    const struct coro_opts hooks = {
        .name = "start hook", .entry = hooks_main, .arg = m, .timeout_ms = -1};
    m->loop = loop_new();
    if (m->loop != NULL)
        m->sched = sched_new(m->loop, &(struct sched_opts){.stats = &m->stats});
    if (m->sched != NULL)
        m->pool = pool_new(m->sched, &(struct pool_opts){.stats = &m->stats});
    if (m->pool != NULL)
        m->remotes = remotes_new(m->sched, &m->stats);
    if (m->remotes == NULL) {
        errmsg_set_sys(m->why, "cannot start the event loop");
        return -1;
    }
    m->remotes->is_migrating = true;
    m->remotes->migrated = tell;
    m->remotes->migrated_arg = m;
    m->result = -1;
    int rc = coro_start(m->sched, &hooks);
    if (rc > 0)
        loop_run(m->loop, before_poll, m);
    return rc < 0 ? rc : m->result;
}

/* What hangs is left to the end of the process. */
static void release(struct migration *m)
{
    bool is_quiet = m->pool == NULL || pool_free(m->pool, POOL_GRACE_MS);
    is_quiet = remotes_free(m->remotes) && is_quiet;
    if (!is_quiet)
        return;
    app_free(m->app);
    sched_free(m->sched);
    if (m->loop != NULL)
        loop_free(m->loop);
}

int worker_migrate(const char *path, struct buf *out, struct errmsg *why)
{
    const struct galley_app *declared = app_load(path, why);
    struct migration m = {.app = declared == NULL ? NULL : app_new(declared, why), .why = why};
    if (m.app == NULL)
        return -1;
    mp_writer_init(&m.writer, out);
    int rc = run_hooks(&m);
    if (rc < 0)
        errmsg_set(why, "the start hook of %s failed", app_title(m.app));
    release(&m);
    return rc < 0 ? -1 : 0;
}
