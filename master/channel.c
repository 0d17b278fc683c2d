/* channel.c - the master's end of the channel to one worker.
 * Does:     receive READY, FAILED, BEAT, REPORT, COROUTINES, ROUTES, DRAINED for the right slot and generation; send pending orders.
 * Does not: queue: orders are bits and carry the values of the moment they are sent, so that a worker which does not
 *           read costs nothing.
 * See:      common/proto.h, t/unit/master/channel.c */
#include "master/channel.h"
#include "master/coroutines.h"
#include "master/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGES_A_TURN = 32 }; /* no worker can keep the master from the others */

static void take_ready(struct master *master, struct slot *slot,
                       const struct proto_message *message)
{
    int64_t now_ms = clock_now_ms();
    slot_enter(slot, SLOT_READY, now_ms);
    slot->ready_ms = now_ms;
    snprintf(slot->generation->title, sizeof(slot->generation->title), "%s", message->text);
    snprintf(slot->generation->version, sizeof(slot->generation->version), "%s", message->version);
    snprintf(slot->generation->docs, sizeof(slot->generation->docs), "%s", message->docs);
    master->assign_dirty = true;
    log_line(LOG_LEVEL_INFO, "worker_ready", "slot=%d pid=%d generation=%d start_ms=%lld",
             slot->number, (int)slot->pid, slot->generation->number,
             (long long)(now_ms - slot->born_ms));
}

static bool is_known(const struct slot *slot, const struct proto_message *message)
{
    return message->slot == slot->number && message->generation == slot->generation->number;
}

/* Whether the message made sense. */
static bool take(struct master *master, struct slot *slot, const struct proto_message *message,
                 int fd)
{
    if (!is_known(slot, message))
        return false;
    slot->beat_ms = clock_now_ms();
    switch (message->kind) {
    case PROTO_READY:
        if (slot->state != SLOT_STARTING || slot->generation->state == GENERATION_FAILED)
            return false;
        take_ready(master, slot, message);
        return true;
    case PROTO_FAILED:
        snprintf(slot->reason, sizeof(slot->reason), "%s", message->text);
        return true;
    case PROTO_BEAT:
        return true;
    case PROTO_REPORT:
        metrics_sum_take(&slot->stats, &message->stats);
        slot->report_ms = slot->beat_ms;
        if (message->report_id > slot->report_id && message->report_id <= master->report_id)
            slot->report_id = message->report_id;
        return true;
    case PROTO_COROUTINES:
        return coroutines_take(master, slot, message, fd);
    case PROTO_ROUTES:
        return routes_take(master, slot, message, fd);
    case PROTO_DRAINED:
        slot->drained = true;
        return true;
    default:
        return false;
    }
}

/* Read up to `limit` messages. Whether the worker's end is still open. */
static bool read_messages(struct master *master, struct slot *slot, int limit)
{
    static struct proto_message message; /* 1.6 KiB; the master has one thread */
    for (int i = 0; i < limit; i++) {
        int fds[2] = {-1, -1};
        int got = proto_receive(slot->channel_fd, &message, fds);
        bool is_ignored = got == -EBADMSG || (got > 0 && !take(master, slot, &message, fds[0]));
        for (int k = 0; k < 2; k++)
            if (fds[k] >= 0)
                close(fds[k]);
        if (got == -EAGAIN)
            return true;
        if (got == 0 || (got < 0 && got != -EBADMSG && got != -EINTR))
            return false;
        if (is_ignored)
            master->sums.master.worker_messages_ignored++;
    }
    return true;
}

static void on_message(void *arg, int fd, unsigned what)
{
    struct slot *slot = arg;
    (void)fd;
    (void)what;
    if (read_messages(slot->master, slot, MESSAGES_A_TURN))
        return;
    loop_event_stop(&slot->channel);
    slot->gone_ms = clock_now_ms();
}

int channel_start(struct master *master, struct slot *slot)
{
    slot->orders = 0;
    return loop_event_start(master->loop, &slot->channel, slot->channel_fd, LOOP_READ, on_message,
                            slot);
}

void channel_stop(struct master *master, struct slot *slot)
{
    if (slot->channel_fd < 0)
        return;
    loop_event_stop(&slot->channel);
    read_messages(master, slot, 16 * MESSAGES_A_TURN);
    close(slot->channel_fd);
    slot->channel_fd = -1;
    slot->orders = 0;
}

void channel_order(struct slot *slot, enum proto_kind kind)
{
    slot->orders |= 1u << kind;
}

/* The order with the values of now; `fds` gets descriptors that go with it. */
static size_t fill(const struct master *master, const struct slot *slot, enum proto_kind kind,
                   struct proto_message *message, int *fds)
{
    memset(message, 0, sizeof(*message));
    message->kind = kind;
    message->slot = slot->number;
    message->generation = slot->generation->number;
    if (kind == PROTO_ORDER_LISTEN) {
        memcpy(message->sockets, slot->sockets, sizeof(slot->sockets));
        message->socket_count = slot->socket_count;
    } else if (kind == PROTO_ORDER_REPORT) {
        message->report_id = master->report_id;
    } else if (kind == PROTO_ORDER_COROUTINES) {
        message->report_id = master->told_id;
    } else if (kind == PROTO_ORDER_ROUTES) {
        message->report_id = master->routes.asked_id;
    } else if (kind == PROTO_ORDER_LOG_LEVEL) {
        snprintf(message->text, sizeof(message->text), "%s", log_level_name(log_get_level()));
    } else if (kind == PROTO_ORDER_TICKETS) {
        message->tickets = master->tickets.keys;
    } else if (kind == PROTO_ORDER_REOPEN) {
        fds[0] = master->logs.log_fd;
        fds[1] = master->logs.access_fd;
        return master->logs.access_fd >= 0 ? 2 : 1;
    }
    return 0;
}

bool channel_flush(struct master *master, struct slot *slot)
{
    static struct proto_message message;
    for (int kind = PROTO_ORDER_LISTEN; slot->orders && kind < PROTO_KIND_COUNT; kind++) {
        if (!(slot->orders >> kind & 1u))
            continue;
        int fds[2];
        size_t fd_count = fill(master, slot, (enum proto_kind)kind, &message, fds);
        int error = proto_send(slot->channel_fd, &message, fds, fd_count);
        if (error == -EAGAIN)
            return true;
        slot->orders &= ~(1u << kind); /* any other failure: it is ending */
    }
    return false;
}
