/* pg_cancel.c - ask the server to stop a statement: libpq does it by a connection of its own, which blocks.
 * Does:     run PQcancel on a thread, a few at once, in a coroutine that outlives who asked for it.
 * Does not: wait for the statement's end: its session does, and for the end of this, so that it never hits the next one.
 * See:      pg.c */
#include <libpq-fe.h>
#include <stdlib.h>

#include "common/log.h"
#include "worker/io/pg.h"

struct pg_cancel_job {
    struct list link; /* in settings->cancel_jobs */
    PGcancel *cancel;
    struct pg_session *session; /* NULL: it has ended */
    struct pg_settings *settings;
};

static int call(galley_sync *rq, PGcancel *cancel)
{
    char why[256] = "";
    (void)rq;
    if (!PQcancel(cancel, why, sizeof why))
        log_line(LOG_LEVEL_DEBUG, "sql_cancel", "the server was not asked to stop: %s", why);
    return 0;
}

static void job_free(struct pg_cancel_job *job)
{
    list_remove(&job->link);
    PQfreeCancel(job->cancel);
    free(job);
}

static GALLEY_YIELDS int run(galley_async *co, struct pg_cancel_job *job)
{
    int rc = galley_semaphore_acquire(co, &job->settings->cancels);
    if (rc == 0) {
        rc = galley_to_thread(co, call, job->cancel);
        galley_semaphore_release(co, &job->settings->cancels);
    }
    if (job->session) {
        job->session->cancel = NULL;
        if (job->session->waiter)
            coro_wake(job->session->waiter, 0);
    }
    struct pg_settings *settings = job->settings;
    job_free(job);
    if (list_is_empty(&settings->cancel_jobs) && settings->is_released)
        pg_settings_free(settings);
    return rc;
}

int pg_cancel_start(galley_async *co, struct pg_session *session)
{
    struct pg_cancel_job *job = malloc(sizeof *job);
    if (job == NULL)
        return -ENOMEM;
    *job = (struct pg_cancel_job){.cancel = PQgetCancel(session->pg),
                                  .session = session,
                                  .settings = pg_settings_of(session)};
    list_append(&job->settings->cancel_jobs, &job->link);
    int rc = job->cancel ? galley_background(co, run, job) : -ENOMEM;
    if (rc < 0) {
        job_free(job);
        return rc;
    }
    session->cancel = job;
    return 0;
}

void pg_cancel_forget(struct pg_session *session)
{
    if (session->cancel)
        session->cancel->session = NULL;
    session->cancel = NULL;
}

void pg_cancel_free_all(struct pg_settings *settings)
{
    while (!list_is_empty(&settings->cancel_jobs))
        job_free(LIST_ENTRY(settings->cancel_jobs.next, struct pg_cancel_job, link));
}
