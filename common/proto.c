/* proto.c - the messages between master and worker as MessagePack datagrams.
 * Does:     encode and decode each kind by one table of its fields; send and receive them with
 *           descriptors beside.
 * Does not: act on them, or wait for a peer that does not read.
 * See:      proto.h, docs/PROTOCOL.md, t/unit/common/proto.c
 *
 * A datagram is [2, method, [{field: value...}]]; fields come in the order of the table, each once
 * and nothing else. */
#include "common/proto.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/mp.h"

enum field {
    FIELD_END,
    FIELD_SLOT,
    FIELD_GENERATION,
    FIELD_TITLE,
    FIELD_VERSION,
    FIELD_DOCS,
    FIELD_WHY,
    FIELD_LEVEL,
    FIELD_REPORT_ID,
    FIELD_LIVE,
    FIELD_SHOWN,
    FIELD_STATS,
    FIELD_SOCKETS,
    FIELD_KEYS,
    FIELD_COUNT
};
static const char *const field_names[FIELD_COUNT] = {
    [FIELD_SLOT] = "slot",   [FIELD_GENERATION] = "generation",
    [FIELD_TITLE] = "title", [FIELD_VERSION] = "version",
    [FIELD_DOCS] = "docs",   [FIELD_WHY] = "why",
    [FIELD_LEVEL] = "level", [FIELD_REPORT_ID] = "id",
    [FIELD_STATS] = "stats", [FIELD_SOCKETS] = "sockets",
    [FIELD_KEYS] = "keys",   [FIELD_LIVE] = "live",
    [FIELD_SHOWN] = "shown",
};

static const struct {
    const char *name;
    enum field fields[6]; /* ends with FIELD_END */
} kinds[PROTO_KIND_COUNT] = {
    [PROTO_READY] = {"ready",
                     {FIELD_SLOT, FIELD_GENERATION, FIELD_TITLE, FIELD_VERSION, FIELD_DOCS}},
    [PROTO_FAILED] = {"failed", {FIELD_SLOT, FIELD_GENERATION, FIELD_WHY}},
    [PROTO_BEAT] = {"beat", {FIELD_SLOT, FIELD_GENERATION}},
    [PROTO_REPORT] = {"report", {FIELD_SLOT, FIELD_GENERATION, FIELD_REPORT_ID, FIELD_STATS}},
    [PROTO_COROUTINES] = {"coroutines",
                          {FIELD_SLOT, FIELD_GENERATION, FIELD_REPORT_ID, FIELD_LIVE, FIELD_SHOWN}},
    [PROTO_ROUTES] = {"routes", {FIELD_SLOT, FIELD_GENERATION, FIELD_REPORT_ID, FIELD_SHOWN}},
    [PROTO_DRAINED] = {"drained", {FIELD_SLOT, FIELD_GENERATION}},
    [PROTO_ORDER_LISTEN] = {"listen", {FIELD_SOCKETS}},
    [PROTO_ORDER_DRAIN] = {"drain", {FIELD_END}},
    [PROTO_ORDER_STOP] = {"stop", {FIELD_END}},
    [PROTO_ORDER_REPORT] = {"report_now", {FIELD_REPORT_ID}},
    [PROTO_ORDER_LOG_LEVEL] = {"log_level", {FIELD_LEVEL}},
    [PROTO_ORDER_REOPEN] = {"reopen", {FIELD_END}},
    [PROTO_ORDER_TICKETS] = {"tickets", {FIELD_KEYS}},
    [PROTO_ORDER_DUMP] = {"dump", {FIELD_END}},
    [PROTO_ORDER_ROUTES] = {"tell_routes", {FIELD_REPORT_ID}},
    [PROTO_ORDER_COROUTINES] = {"tell_coroutines", {FIELD_REPORT_ID}},
};

const char *proto_kind_name(enum proto_kind kind)
{
    return (unsigned)kind < PROTO_KIND_COUNT ? kinds[kind].name : "unknown";
}

static size_t field_count(enum proto_kind kind)
{
    size_t count = 0;
    while (kinds[kind].fields[count] != FIELD_END)
        count++;
    return count;
}

/* ---- writing ---- */

static void put_stats(struct mp_writer *writer, const struct stats *stats)
{
    mp_put_map(writer, stat_row_count);
    for (size_t i = 0; i < stat_row_count; i++) {
        mp_put_str(writer, stat_rows[i].name);
        mp_put_uint(writer,
                    *(const uint64_t *)(const void *)((const char *)stats + stat_rows[i].offset));
    }
}

static void put_field(struct mp_writer *writer, enum field field,
                      const struct proto_message *message)
{
    mp_put_str(writer, field_names[field]);
    switch (field) {
    case FIELD_SLOT:
        mp_put_int(writer, message->slot);
        break;
    case FIELD_GENERATION:
        mp_put_int(writer, message->generation);
        break;
    case FIELD_TITLE:
    case FIELD_WHY:
    case FIELD_LEVEL:
        mp_put_str_len(writer, message->text, strnlen(message->text, PROTO_TEXT_BYTES - 1));
        break;
    case FIELD_VERSION:
        mp_put_str_len(writer, message->version,
                       strnlen(message->version, sizeof(message->version) - 1));
        break;
    case FIELD_DOCS:
        mp_put_str_len(writer, message->docs, strnlen(message->docs, sizeof(message->docs) - 1));
        break;
    case FIELD_REPORT_ID:
        mp_put_uint(writer, message->report_id);
        break;
    case FIELD_LIVE:
        mp_put_uint(writer, message->live_count);
        break;
    case FIELD_SHOWN:
        mp_put_uint(writer, message->shown_count);
        break;
    case FIELD_STATS:
        put_stats(writer, &message->stats);
        break;
    case FIELD_SOCKETS:
        mp_put_array(writer, message->socket_count);
        for (size_t i = 0; i < message->socket_count; i++)
            mp_put_uint(writer, message->sockets[i]);
        break;
    case FIELD_KEYS:
        mp_put_array(writer, INHERIT_TICKET_KEYS);
        for (size_t i = 0; i < INHERIT_TICKET_KEYS; i++)
            mp_put_bin(writer, message->tickets.key[i], INHERIT_TICKET_KEY_BYTES);
        break;
    case FIELD_END:
    case FIELD_COUNT:
        break;
    }
}

ssize_t proto_encode(const struct proto_message *message, unsigned char *out)
{
    struct buf buf;
    struct mp_writer writer;
    enum proto_kind kind = message->kind;
    GALLEY_BUG_IF((unsigned)kind >= PROTO_KIND_COUNT, "message kind %d", (int)kind);
    GALLEY_BUG_IF(message->socket_count > PROTO_MAX_SOCKETS, "%zu sockets", message->socket_count);
    buf_init_fixed(&buf, out, PROTO_MAX_BYTES);
    mp_writer_init(&writer, &buf);
    mp_put_array(&writer, 3);
    mp_put_uint(&writer, 2);
    mp_put_str(&writer, kinds[kind].name);
    mp_put_array(&writer, 1);
    mp_put_map(&writer, field_count(kind));
    for (const enum field *field = kinds[kind].fields; *field != FIELD_END; field++)
        put_field(&writer, *field, message);
    return writer.error ? writer.error : (ssize_t)buf_len(&buf);
}

/* ---- reading: each answers 0 or -EBADMSG ---- */

static int get_exactly(struct mp_reader *reader, enum mp_type type, size_t len)
{
    struct mp_value value;
    return mp_get_type(reader, type, &value) < 0 || value.len != len ? -EBADMSG : 0;
}

static int get_name(struct mp_reader *reader, const char *name)
{
    struct mp_value value;
    return mp_get_type(reader, MP_STR, &value) < 0 || !mp_str_is(&value, name) ? -EBADMSG : 0;
}

static int get_uint(struct mp_reader *reader, uint64_t max, uint64_t *number)
{
    struct mp_value value;
    if (mp_get_type(reader, MP_UINT, &value) < 0 || value.uint > max)
        return -EBADMSG;
    *number = value.uint;
    return 0;
}

static int get_uint32(struct mp_reader *reader, uint32_t *number)
{
    uint64_t value;
    if (get_uint(reader, UINT32_MAX, &value) < 0)
        return -EBADMSG;
    *number = (uint32_t)value;
    return 0;
}

static int get_int(struct mp_reader *reader, int *number)
{
    uint64_t value;
    if (get_uint(reader, INT32_MAX, &value) < 0)
        return -EBADMSG;
    *number = (int)value;
    return 0;
}

static int get_text(struct mp_reader *reader, char *text, size_t room)
{
    struct mp_value value;
    if (mp_get_type(reader, MP_STR, &value) < 0 || value.len >= room ||
        memchr(value.data, '\0', value.len))
        return -EBADMSG;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    return 0;
}

static int get_stats(struct mp_reader *reader, struct stats *stats)
{
    if (get_exactly(reader, MP_MAP, stat_row_count) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < stat_row_count; i++)
        if (get_name(reader, stat_rows[i].name) < 0 ||
            get_uint(reader, UINT64_MAX, stats_at(stats, &stat_rows[i])) < 0)
            return -EBADMSG;
    return 0;
}

static int get_sockets(struct mp_reader *reader, struct proto_message *message)
{
    struct mp_value list;
    if (mp_get_type(reader, MP_ARRAY, &list) < 0 || list.len > PROTO_MAX_SOCKETS)
        return -EBADMSG;
    for (size_t i = 0; i < list.len; i++) {
        uint64_t index;
        if (get_uint(reader, UINT16_MAX, &index) < 0)
            return -EBADMSG;
        message->sockets[i] = (uint16_t)index;
    }
    message->socket_count = list.len;
    return 0;
}

static int get_keys(struct mp_reader *reader, struct inherit_tickets *tickets)
{
    if (get_exactly(reader, MP_ARRAY, INHERIT_TICKET_KEYS) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < INHERIT_TICKET_KEYS; i++) {
        struct mp_value key;
        if (mp_get_type(reader, MP_BIN, &key) < 0 || key.len != INHERIT_TICKET_KEY_BYTES)
            return -EBADMSG;
        memcpy(tickets->key[i], key.data, INHERIT_TICKET_KEY_BYTES);
    }
    return 0;
}

static int get_field(struct mp_reader *reader, enum field field, struct proto_message *message)
{
    if (get_name(reader, field_names[field]) < 0)
        return -EBADMSG;
    switch (field) {
    case FIELD_SLOT:
        return get_int(reader, &message->slot);
    case FIELD_GENERATION:
        return get_int(reader, &message->generation);
    case FIELD_TITLE:
    case FIELD_WHY:
    case FIELD_LEVEL:
        return get_text(reader, message->text, sizeof(message->text));
    case FIELD_VERSION:
        return get_text(reader, message->version, sizeof(message->version));
    case FIELD_DOCS:
        return get_text(reader, message->docs, sizeof(message->docs));
    case FIELD_REPORT_ID:
        return get_uint32(reader, &message->report_id);
    case FIELD_LIVE:
        return get_uint32(reader, &message->live_count);
    case FIELD_SHOWN:
        return get_uint32(reader, &message->shown_count);
    case FIELD_STATS:
        return get_stats(reader, &message->stats);
    case FIELD_SOCKETS:
        return get_sockets(reader, message);
    case FIELD_KEYS:
        return get_keys(reader, &message->tickets);
    case FIELD_END:
    case FIELD_COUNT:
        break;
    }
    return -EBADMSG;
}

static int get_kind(struct mp_reader *reader, enum proto_kind *kind)
{
    struct mp_value method;
    if (mp_get_type(reader, MP_STR, &method) < 0)
        return -EBADMSG;
    for (int i = 0; i < PROTO_KIND_COUNT; i++)
        if (mp_str_is(&method, kinds[i].name)) {
            *kind = (enum proto_kind)i;
            return 0;
        }
    return -EBADMSG;
}

static int decode(struct proto_message *message, struct mp_reader *reader)
{
    struct mp_value notification;
    if (get_exactly(reader, MP_ARRAY, 3) < 0 || mp_get_type(reader, MP_UINT, &notification) < 0 ||
        notification.uint != 2 || get_kind(reader, &message->kind) < 0 ||
        get_exactly(reader, MP_ARRAY, 1) < 0 ||
        get_exactly(reader, MP_MAP, field_count(message->kind)) < 0)
        return -EBADMSG;
    for (const enum field *field = kinds[message->kind].fields; *field != FIELD_END; field++)
        if (get_field(reader, *field, message) < 0)
            return -EBADMSG;
    return reader->at == reader->end ? 0 : -EBADMSG;
}

int proto_decode(struct proto_message *message, const void *data, size_t len)
{
    struct mp_reader reader;
    memset(message, 0, sizeof(*message));
    mp_reader_init(&reader, data, len);
    int error = decode(message, &reader);
    if (error < 0)
        memset(message, 0, sizeof(*message));
    return error;
}

/* ---- the socket ---- */

enum { MAX_FDS = 2 };
union control { /* aligned as the kernel wants it */
    char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct cmsghdr head;
};

int proto_send(int fd, const struct proto_message *message, const int *fds, size_t fd_count)
{
    unsigned char data[PROTO_MAX_BYTES];
    union control control;
    GALLEY_BUG_IF(fd_count > MAX_FDS, "%zu descriptors", fd_count);
    ssize_t len = proto_encode(message, data);
    if (len < 0)
        return (int)len;
    struct iovec piece = {.iov_base = data, .iov_len = (size_t)len};
    struct msghdr head = {.msg_iov = &piece, .msg_iovlen = 1};
    if (fd_count) {
        memset(&control, 0, sizeof(control));
        head.msg_control = control.bytes;
        head.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* The descriptors that came with a message, into `fds` (room for MAX_FDS). */
static void take_fds(struct msghdr *head, int *fds)
{
    fds[0] = fds[1] = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(head); part; part = CMSG_NXTHDR(head, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t bytes = part->cmsg_len - CMSG_LEN(0);
        memcpy(fds, CMSG_DATA(part),
               bytes <= MAX_FDS * sizeof(int) ? bytes : MAX_FDS * sizeof(int));
        return; /* there is room for one part only */
    }
}

static void close_fds(int *fds)
{
    for (int i = 0; i < MAX_FDS; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

int proto_receive(int fd, struct proto_message *message, int *fds)
{
    unsigned char data[PROTO_MAX_BYTES];
    union control control;
    int came[MAX_FDS];
    struct iovec piece = {.iov_base = data, .iov_len = sizeof(data)};
    struct msghdr head = {.msg_iov = &piece,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes)};
    if (fds)
        fds[0] = fds[1] = -1;
    ssize_t len;
    do {
        len = recvmsg(fd, &head, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (len < 0 && errno == EINTR);
    if (len < 0)
        return errno == ECONNRESET ? 0 : -errno;
    take_fds(&head, came);
    int error = 0;
    if (len > 0)
        error = head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)
                    ? -EBADMSG
                    : proto_decode(message, data, (size_t)len);
    if (len == 0 || error < 0 || !fds)
        close_fds(came);
    else
        memcpy(fds, came, sizeof(came));
    return error < 0 ? error : len > 0;
}
