/* channel.c - a worker's end of the channel to its master: beats and reports up, orders down.
 * Does:     a beat every BEAT_MS, a report every second and when asked, rows of coroutines and routes when asked; LISTEN,
 *           DRAIN, STOP, LOG_LEVEL, REOPEN, TICKETS, DUMP.
 * Does not: trust less than it must: an order that cannot be read is ignored.
 * See:      common/proto.h, docs/PROTOCOL.md. */
#include "worker/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proto.h"
#include "worker/app/app.h"
#include "worker/coro/watchdog.h"
#include "worker/coroutines.h"
#include "worker/net/tls.h"
#include "worker/routes.h"
#include "worker/rows.h"
#include "worker/state.h"

enum { BEAT_MS = 100, BEATS_PER_REPORT = 10 };

struct channel {
    struct worker *worker;
    struct loop_event event;
    struct loop_timer beat;
    unsigned beat_count;
    struct proto_message in, out; /* large: not for a stack */
};

static struct proto_message *prepare(struct channel *channel, enum proto_kind kind)
{
    const struct inherit *inherit = channel->worker->inherit;
    memset(&channel->out, 0, sizeof channel->out);
    channel->out.kind = kind;
    channel->out.slot = inherit->slot;
    channel->out.generation = inherit->generation;
    return &channel->out;
}

static int say(struct channel *channel)
{
    return proto_send(channel->worker->inherit->channel_fd, &channel->out, NULL, 0);
}

/* ---- numbers ---- */

static uint64_t resident_bytes(void)
{
    unsigned long pages_total = 0, pages_resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &pages_total, &pages_resident) != 2)
        pages_resident = 0;
    fclose(file);
    return (uint64_t)pages_resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void report(struct channel *channel, uint32_t report_id)
{
    struct worker *worker = channel->worker;
    struct proto_message *message = prepare(channel, PROTO_REPORT);
    pool_note_stats(worker->pool);
    worker->stats.rss_bytes = resident_bytes();
    worker->stats.loop_blocked_total = watchdog_count(worker->watchdog);
    worker->stats.log_lost_total = log_lost_count();
    message->report_id = report_id;
    message->stats = worker->stats;
    if (say(channel) < 0)
        log_line(LOG_LEVEL_DEBUG, "report_lost", "id=%u", report_id);
}

/* Send the message with its rows beside it, in memory that nobody can change any more; without it, with none. */
static void say_rows(struct channel *channel, struct buf *rows)
{
    struct proto_message *message = &channel->out;
    int fd = rows_seal(rows);
    if (fd < 0)
        message->shown_count = 0;
    if (proto_send(channel->worker->inherit->channel_fd, message, &fd, fd < 0 ? 0 : 1) < 0)
        log_line(LOG_LEVEL_DEBUG, "rows_lost", "%s id=%u", proto_kind_name(message->kind),
                 message->report_id);
    if (fd >= 0)
        close(fd);
    buf_release(rows);
}

static void tell_coroutines(struct channel *channel, uint32_t report_id)
{
    struct worker *worker = channel->worker;
    struct proto_message *message = prepare(channel, PROTO_COROUTINES);
    struct buf rows;
    buf_init(&rows, PROTO_COROUTINES_BYTES);
    message->report_id = report_id;
    message->live_count = (uint32_t)sched_live_count(worker->sched);
    message->shown_count = (uint32_t)coroutines_write(worker->sched, &rows);
    say_rows(channel, &rows);
}

static void tell_routes(struct channel *channel, uint32_t report_id)
{
    struct proto_message *message = prepare(channel, PROTO_ROUTES);
    struct buf rows;
    buf_init(&rows, PROTO_ROUTES_BYTES);
    message->report_id = report_id;
    if (channel->worker->app != NULL) /* else it is still loaded */
        message->shown_count = (uint32_t)routes_write(channel->worker->app, &rows);
    say_rows(channel, &rows);
}

static void on_beat(void *arg)
{
    struct channel *channel = arg;
    struct worker *worker = channel->worker;
    int64_t late_us = clock_now_us() - loop_now_ms(worker->loop) * 1000;
    worker->stats.loop_lag_us = late_us > 0 ? (uint64_t)late_us : 0;
    if (++channel->beat_count % BEATS_PER_REPORT == 0) {
        report(channel, 0);
        sched_trim(worker->sched);
    } else {
        prepare(channel, PROTO_BEAT);
        if (say(channel) < 0)
            log_line(LOG_LEVEL_DEBUG, "beat_lost", "count=%u", channel->beat_count);
    }
    loop_timer_start(worker->loop, &channel->beat, BEAT_MS, on_beat, channel);
}

/* ---- orders ---- */

static void take_logs(struct worker *worker, const int *fds)
{
    if (fds[0] >= 0 && dup2(fds[0], worker->inherit->log_fd) < 0)
        log_line(LOG_LEVEL_ERROR, "reopen_failed", "%s", strerror(errno));
    if (fds[1] >= 0 && worker->server->access_log_fd >= 0 &&
        dup2(fds[1], worker->server->access_log_fd) < 0)
        log_line(LOG_LEVEL_ERROR, "reopen_failed", "%s", strerror(errno));
}

static void obey(struct channel *channel, const int *fds)
{
    struct worker *worker = channel->worker;
    const struct proto_message *order = &channel->in;
    int level;
    switch (order->kind) {
    case PROTO_ORDER_LISTEN:
        if (!worker->is_draining &&
            accept_listen(worker->accept, order->sockets, order->socket_count) < 0)
            log_line(LOG_LEVEL_ERROR, "listen_failed", "%zu sockets", order->socket_count);
        break;
    case PROTO_ORDER_DRAIN:
        worker_drain(worker, worker->inherit->settings->drain_timeout);
        break;
    case PROTO_ORDER_STOP:
        worker_stop(worker);
        break;
    case PROTO_ORDER_REPORT:
        report(channel, order->report_id);
        break;
    case PROTO_ORDER_LOG_LEVEL:
        level = log_level_of(order->text);
        if (level >= 0)
            log_set_level((enum log_level)level);
        break;
    case PROTO_ORDER_REOPEN:
        take_logs(worker, fds);
        break;
    case PROTO_ORDER_TICKETS:
        if (worker->server->tls != NULL)
            tls_server_set_tickets(worker->server->tls, &order->tickets);
        break;
    case PROTO_ORDER_DUMP:
        sched_dump(worker->sched);
        break;
    case PROTO_ORDER_COROUTINES:
        tell_coroutines(channel, order->report_id);
        break;
    case PROTO_ORDER_ROUTES:
        tell_routes(channel, order->report_id);
        break;
    case PROTO_READY:
    case PROTO_FAILED:
    case PROTO_BEAT:
    case PROTO_REPORT:
    case PROTO_COROUTINES:
    case PROTO_ROUTES:
    case PROTO_DRAINED:
    case PROTO_KIND_COUNT:
        break; /* a worker's own words */
    }
}

static void on_message(void *arg, int fd, unsigned what)
{
    struct channel *channel = arg;
    (void)what;
    for (;;) {
        int fds[2] = {-1, -1};
        int rc = proto_receive(fd, &channel->in, fds);
        if (rc == -EAGAIN)
            return;
        if (rc == 1)
            obey(channel, fds);
        for (int i = 0; i < 2; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        if (rc == 0 || (rc < 0 && rc != -EBADMSG)) {
            loop_event_stop(&channel->event);
            worker_lost_master(channel->worker);
            return;
        }
    }
}

struct channel *channel_open(struct worker *worker)
{
    struct channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return NULL;
    channel->worker = worker;
    int rc = loop_event_start(worker->loop, &channel->event, worker->inherit->channel_fd, LOOP_READ,
                              on_message, channel);
    if (rc < 0) {
        free(channel);
        errno = -rc;
        return NULL;
    }
    loop_timer_start(worker->loop, &channel->beat, BEAT_MS, on_beat, channel);
    return channel;
}

void channel_close(struct channel *channel)
{
    if (channel == NULL)
        return;
    loop_event_stop(&channel->event);
    loop_timer_stop(&channel->beat);
    free(channel);
}

int channel_say_ready(struct channel *channel)
{
    struct proto_message *message = prepare(channel, PROTO_READY);
    snprintf(message->text, sizeof message->text, "%s", app_title(channel->worker->app));
    snprintf(message->version, sizeof message->version, "%s", app_version(channel->worker->app));
    const char *docs = app_docs_page(channel->worker->app);
    if (strlen(docs) < sizeof message->docs) /* half a path would lead nowhere */
        snprintf(message->docs, sizeof message->docs, "%s", docs);
    return say(channel);
}

void channel_say_drained(struct channel *channel)
{
    report(channel, 0); /* the last word on its counters: the sums keep it */
    tell_routes(channel, 0);
    prepare(channel, PROTO_DRAINED);
    if (say(channel) < 0)
        log_line(LOG_LEVEL_DEBUG, "drained_lost", "the master is gone");
}

void channel_say_failed(const struct inherit *inherit, const char *why)
{
    struct proto_message *message = calloc(1, sizeof *message);
    if (message == NULL)
        return;
    message->kind = PROTO_FAILED;
    message->slot = inherit->slot;
    message->generation = inherit->generation;
    snprintf(message->text, sizeof message->text, "%s", why);
    if (proto_send(inherit->channel_fd, message, NULL, 0) < 0)
        log_line(LOG_LEVEL_ERROR, "start_failed", "%s", why);
    free(message);
}
