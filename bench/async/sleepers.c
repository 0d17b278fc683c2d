/* sleepers.c - what many sleeping coroutines cost: memory of each, time to start all, a switch between them.
 * Does:     GET /sleepers?count=100000 spawns as many tasks, waits until the last one sleeps, and answers what it took, in CPU
 *           time; then the same again.
 * Does not: differ from sleepers.py and go/sleepers beside it in what is counted. */
#include <errno.h>
#include <galley.h>
#include <stdio.h>
#include <time.h>

enum { YIELDERS = 1000, YIELDS = 200, NAP_MS = 600000 };

GALLEY_STRUCT(sleepers_in, (int64_t, count, QUERY, .ge = 1, .le = 1000000));
GALLEY_STRUCT(sleepers, (double, bytes_each), (double, start_ms), (double, again_ms),
              (double, switch_ns));

struct party {
    int64_t asleep;
};

static double cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double resident_bytes(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    if (in == NULL || fscanf(in, "%*d %ld", &pages) != 1)
        pages = 0;
    if (in != NULL)
        fclose(in);
    return (double)pages * 4096;
}

static int nap(galley_async *co, struct party *party)
{
    party->asleep++;
    return galley_sleep_ms(co, NAP_MS);
}

static int yield_often(galley_async *co, struct party *party)
{
    (void)party;
    int rc = 0;
    for (int i = 0; i < YIELDS && rc == 0; i++)
        rc = galley_sleep_ms(co, 0);
    return rc;
}

static int spawn_all(galley_async *co, int64_t count, int (*fn)(galley_async *, struct party *),
                     struct party *party)
{
    for (int64_t i = 0; i < count; i++) {
        galley_task *task = galley_spawn(co, fn, party);
        if (task == NULL)
            return galley_fail(co, 503, "no coroutine is free after %lld: see max_coroutines",
                               (long long)i);
    }
    return 0;
}

static int switch_cost(galley_async *co, double *switch_ns)
{
    struct party none = {0};
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    double begun = cpu_ns();
    int rc = spawn_all(co, YIELDERS, yield_often, &none);
    int closed = galley_scope_close(co, &scope);
    *switch_ns = (cpu_ns() - begun) / (YIELDERS * (double)YIELDS);
    return rc < 0 ? rc : closed;
}

/* Start all of them and let them go again. */
static int hold_party(galley_async *co, int64_t count, double *start_ms, double *bytes_each)
{
    struct party party = {0};
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    double begun = cpu_ns(), before = resident_bytes();
    int rc = spawn_all(co, count, nap, &party);
    while (rc == 0 && party.asleep < count)
        rc = galley_sleep_ms(co, 0);
    *start_ms = (cpu_ns() - begun) / 1e6;
    *bytes_each = (resident_bytes() - before) / (double)count;
    galley_scope_cancel(&scope);
    int closed = galley_scope_close(co, &scope);
    return rc == 0 && closed == -ECANCELED ? 0 : rc;
}

static int read_sleepers(galley_async *co, const struct sleepers_in *in, struct sleepers *out)
{
    double nothing;
    int rc = hold_party(co, in->count, &out->start_ms, &out->bytes_each);
    if (rc == 0)
        rc = hold_party(co, in->count, &out->again_ms, &nothing);
    return rc < 0 ? rc : switch_cost(co, &out->switch_ns);
}

GALLEY_APP(.title = "Sleepers",
           .routes = GALLEY_ROUTES(GALLEY_GET("/sleepers", read_sleepers, sleepers_in, sleepers)));
