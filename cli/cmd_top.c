/* cmd_top.c - galley top: the workers and the busiest routes, again and again.
 * Does:     `watch` for the rhythm and the numbers, `routes` at each notification; on a terminal each picture replaces the
 *           last; --json prints a line each.
 * Does not: keep a history, or read keys: interrupt it (SIGINT), or say --count.
 * See:      t/49-routes.t */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/route_list.h"
#include "cli/table.h"
#include "common/loop.h"

enum { ANSWER_S = 10, ROUTES_SHOWN = 20, LINES_AROUND = 6 };

static const struct table_column worker_columns[] = {
    {"slot", "WORKER", TABLE_NUMBER},
    {"pid", "PID", TABLE_NUMBER},
    {"state", "STATE", TABLE_TEXT},
    {"uptime_s", "UP", TABLE_SECONDS},
    {"connections", "CONNS", TABLE_NUMBER},
    {"requests", "REQUESTS", TABLE_NUMBER},
    {"coroutines", "COROUTINES", TABLE_NUMBER},
    {"rss_bytes", "MEMORY", TABLE_BYTES},
    {"loop_lag_us", "LAG", TABLE_US},
    {NULL, NULL, TABLE_TEXT},
};

struct top {
    struct rpc watching,
        asking; /* notifications come on the one, calls are answered on the other */
    struct route_past routes;
    uint64_t requests; /* at the last look */
    int64_t at_ms;     /* 0: there was none */
};

static uint64_t metric(const struct top *top, const char *name)
{
    struct mp_reader metrics, one;
    struct mp_value value = {.type = MP_NIL};
    if (rpc_find(top->watching.result, "metrics", &metrics) && rpc_find(metrics, name, &one))
        value = rpc_get(one, "value");
    return value.type == MP_UINT ? value.uint : 0;
}

static void print_head(struct top *top, int64_t now_ms)
{
    char memory[32], rate[32] = "-";
    uint64_t requests = metric(top, "requests_total");
    struct mp_value rss = {.type = MP_UINT, .uint = metric(top, "rss_bytes")};
    if (top->at_ms && now_ms > top->at_ms && requests >= top->requests)
        snprintf(rate, sizeof(rate), "%.0f",
                 (double)(requests - top->requests) * 1000 / (double)(now_ms - top->at_ms));
    printf("%" PRIu64 " workers ready, %s requests/s, %" PRIu64 " in flight, %" PRIu64
           " connections, %" PRIu64 " coroutines, %s\n\n",
           metric(top, "workers_ready"), rate, metric(top, "requests_active"),
           metric(top, "connections_open"), metric(top, "coroutines_live"),
           table_cell(&rss, TABLE_BYTES, memory, sizeof(memory)));
    top->requests = requests;
    top->at_ms = now_ms;
}

/* How many routes have room on the terminal. */
static size_t room_for_routes(struct mp_reader workers)
{
    struct winsize size;
    struct mp_value head;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row ||
        mp_get_type(&workers, MP_ARRAY, &head) < 0)
        return ROUTES_SHOWN;
    size_t taken = head.len + LINES_AROUND;
    return size.ws_row > taken ? size.ws_row - taken : 1;
}

static int print_tables(struct top *top)
{
    struct mp_reader workers;
    int64_t now_ms = clock_now_ms();
    if (!rpc_find(top->watching.result, "workers", &workers))
        return rpc_strange(&top->watching);
    if (isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    print_head(top, now_ms);
    if (table_print(workers, worker_columns) < 0)
        return rpc_strange(&top->watching);
    putchar('\n');
    if (route_list_print_busiest(top->asking.result, &top->routes, now_ms,
                                 room_for_routes(workers)) < 0)
        return rpc_strange(&top->asking);
    if (!isatty(STDOUT_FILENO))
        putchar('\n');
    return CLI_OK;
}

static int print_json(const struct top *top)
{
    static const char *const keys[] = {"metrics", "workers"};
    struct mp_reader value;
    for (size_t i = 0; i < 2; i++) {
        printf("%s\"%s\":", i ? "," : "{", keys[i]);
        if (!rpc_find(top->watching.result, keys[i], &value) || json_print(&value) < 0)
            return rpc_strange(&top->watching);
    }
    fputs(",\"routes\":", stdout);
    value = top->asking.result;
    if (json_print(&value) < 0)
        return rpc_strange(&top->asking);
    puts("}");
    return CLI_OK;
}

static int run(struct top *top, unsigned long interval_ms, unsigned long count)
{
    int wait_s = (int)(interval_ms / 1000) + ANSWER_S;
    int status = rpc_call_with(&top->watching, "watch", "interval_ms", interval_ms, NULL, ANSWER_S);
    for (unsigned long i = 0; !status && (!count || i < count); i++) {
        status = rpc_next(&top->watching, "stats", wait_s);
        if (!status)
            status = rpc_call(&top->asking, "routes", NULL, ANSWER_S);
        if (!status)
            status = top->watching.json ? print_json(top) : print_tables(top);
        if (!status && fflush(stdout) != 0)
            return CLI_FAILED; /* cli_main says it */
    }
    return status;
}

/* What is on the screen is whole: it is written at once. */
static void on_interrupt(int signal)
{
    (void)signal;
    _exit(CLI_OK);
}

int cmd_top(const struct cli_command *command, int argc, char **argv)
{
    static struct top top;
    unsigned long interval_ms = 1000, count = 0;
    const struct rpc_option options[] = {
        {"interval", 100, 3600000, &interval_ms},
        {"count", 1, 1000000000, &count},
        {NULL, 0, 0, NULL},
    };
    int status = rpc_parse_with(&top.watching, command, argc, argv, 0, options);
    top.asking = top.watching;
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
    if (!status)
        status = rpc_connect(&top.watching);
    if (!status)
        status = rpc_connect(&top.asking);
    if (!status)
        status = run(&top, interval_ms, count);
    route_past_release(&top.routes);
    rpc_close(&top.watching);
    rpc_close(&top.asking);
    return status < 0 ? CLI_OK : status;
}
