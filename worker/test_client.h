/* test_client.h - what the files of galley/test.h share.
 * Does:     one application in one process: its runtime, its clock, its cookies, its count of checks.
 * Does not: belong to a worker that serves.
 * See:      include/galley/test.h; test_client.c (start, time, stop), test_request.c, test_reply.c, test_tap.c */
#ifndef GALLEY_WORKER_TEST_CLIENT_H
#define GALLEY_WORKER_TEST_CLIENT_H

#include <galley/test.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/settings.h"
#include "common/stats.h"
#include "worker/coro/coro.h"

struct app;
struct remotes;
struct pool;
struct server;

struct test_cookie {
    struct test_cookie *next;
    galley_str name, value; /* the value as it travels; data NULL: forgotten */
};

struct galley_test {
    struct loop *loop;
    struct sched *sched;
    struct pool *pool;
    struct remotes *remotes;
    struct app *app;
    struct server *server;
    struct settings settings;
    struct stats stats;
    struct arena memory; /* of replies and cookies */
    bool is_over;        /* what runs now has ended */
    bool is_stuck;       /* nothing will ever wake what runs now */
    bool is_draining;    /* until nothing lives */
    int64_t now_ms;      /* the loop's clock */
    int64_t limit_ms;    /* where it stops while time is advanced; INT64_MAX: nowhere */
    int64_t polled_ms;   /* when a poll that waits began, by the real clock; 0: it does not wait */
    struct test_cookie *cookies;
    size_t check_count, failed_count;
    galley_str last_line; /* "GET /items/5" */
    struct galley_reply last_reply;
};

/* Run fn(co, arg) as a coroutine to its end, or until nothing will wake it: then is_stuck. 0; -EAGAIN: none was to be had. */
int test_run(struct galley_test *t, const char *name, void (*fn)(galley_async *, void *), void *arg,
             int64_t timeout_ms) GALLEY_MUST_USE;

/* Pieces of t->memory; they abort where there is none: a test has no better answer. */
void *test_alloc(struct galley_test *t, size_t size);
galley_str test_dup(struct galley_test *t, const void *data, size_t len);
galley_str test_format(struct galley_test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
