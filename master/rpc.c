/* rpc.c - the stats socket: MessagePack-RPC over a UNIX socket, at most 64 clients.
 * Does:     frames, permissions, order, limits. A client that breaks one is closed, and nothing else happens.
 * Does not: know what the methods do, or ever wait for a client.
 * See:      rpc_methods.c, docs/PROTOCOL.md, t/45-process-rpc.t */
#include "master/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/channel.h"
#include "master/coroutines.h"
#include "master/reload.h"
#include "master/reports.h"
#include "master/routes.h"
#include "master/rpc_watch.h"

enum { READ_BYTES = 16 * 1024, ACCEPT_PAUSE_MS = 1000, STATS_MODE = 0660 };

struct rpc_client {
    struct list node;
    struct rpc_server *server;
    int fd;
    unsigned watched; /* LOOP_READ, LOOP_WRITE */
    struct loop_event event;
    struct buf in, out;
    bool may_change;
    /* the call that waits, when `method` is not NULL */
    const struct rpc_method *method;
    struct rpc_params params;
    uint64_t id;
    uint32_t wait_id;
    int64_t deadline_ms;
    struct rpc_watch watch;
};

struct rpc_server {
    struct master *master;
    struct unix_socket socket;
    struct loop_event event;
    struct loop_timer resume;
    struct list clients;
    size_t client_count;
};

/* ---- clients ---- */

static void client_free(struct rpc_client *client)
{
    loop_event_stop(&client->event);
    close(client->fd);
    buf_release(&client->in);
    buf_release(&client->out);
    list_remove(&client->node);
    client->server->client_count--;
    free(client);
}

static void on_client(void *arg, int fd, unsigned what);

/* Watch for what is wanted now: room to write, or, when nothing waits, the next call. */
static void want_events(struct rpc_client *client)
{
    unsigned wanted = (buf_len(&client->out) ? LOOP_WRITE : 0u) | (client->method ? 0u : LOOP_READ);
    if (wanted == client->watched)
        return;
    loop_event_stop(&client->event);
    client->watched = wanted;
    if (wanted && loop_event_start(client->server->master->loop, &client->event, client->fd, wanted,
                                   on_client, client) < 0)
        client->watched = 0;
}

/* Send what the socket takes. false: the client is gone. */
static bool send_out(struct rpc_client *client)
{
    while (buf_len(&client->out)) {
        ssize_t done = send(client->fd, buf_at(&client->out), buf_len(&client->out),
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0)
            return errno == EAGAIN || errno == EINTR;
        buf_consume(&client->out, (size_t)done);
    }
    buf_clear(&client->out);
    return true;
}

/* ---- answers ---- */

static void put_head(struct mp_writer *writer, uint64_t id)
{
    mp_put_array(writer, 4);
    mp_put_uint(writer, 1);
    mp_put_uint(writer, id);
}

/* 0; < 0: the client does not read. */
static int answer_error(struct rpc_client *client, uint64_t id, const struct rpc_error *error)
{
    struct mp_writer writer;
    mp_writer_init(&writer, &client->out);
    put_head(&writer, id);
    mp_put_map(&writer, 2);
    mp_put_str(&writer, "code");
    mp_put_int(&writer, error->code);
    mp_put_str(&writer, "message");
    mp_put_str(&writer, error->message);
    mp_put_nil(&writer);
    return writer.error;
}

static int answer(struct rpc_client *client, const struct rpc_method *method, uint64_t id)
{
    struct rpc_error error = {.code = RPC_INTERNAL};
    struct mp_writer writer;
    size_t before = buf_len(&client->out);
    mp_writer_init(&writer, &client->out);
    put_head(&writer, id);
    mp_put_nil(&writer);
    if (method->fn(client->server->master, &client->params, &writer, &error) >= 0)
        return writer.error;
    client->out.end = client->out.start + before; /* take the beginning of a result back */
    return answer_error(client, id, &error);
}

static int refuse(struct rpc_client *client, uint64_t id, int code, const char *message)
{
    struct rpc_error error = {.code = code};
    snprintf(error.message, sizeof(error.message), "%s", message);
    return answer_error(client, id, &error);
}

/* ---- calls ---- */

static const struct rpc_method *find_method(const struct mp_value *name)
{
    for (size_t i = 0; i < rpc_method_count; i++)
        if (mp_str_is(name, rpc_methods[i].name))
            return &rpc_methods[i];
    return NULL;
}

/* The one parameter from [{name: value}]. 0; -EINVAL it is not what the method wants; -EBADMSG. */
static int read_params(struct mp_reader *reader, const struct rpc_method *method,
                       struct rpc_params *params)
{
    struct mp_value array, map, key, value;
    *params = (struct rpc_params){0};
    if (mp_get_type(reader, MP_ARRAY, &array) < 0)
        return -EBADMSG;
    if (array.len == 0)
        return method->param ? -EINVAL : 0;
    if (array.len != 1 || mp_get(reader, &map) < 0 || map.type != MP_MAP)
        return -EINVAL;
    if (map.len == 0)
        return method->param ? -EINVAL : 0;
    if (map.len != 1 || !method->param || mp_get(reader, &key) < 0 ||
        !mp_str_is(&key, method->param) || mp_get_type(reader, method->param_type, &value) < 0)
        return -EINVAL;
    params->given = true;
    if (method->param_type == MP_UINT)
        params->number = value.uint;
    else if (value.len >= sizeof(params->text))
        return -EINVAL;
    else
        memcpy(params->text, value.data, value.len);
    return 0;
}

static void begin_wait(struct rpc_client *client)
{
    struct master *master = client->server->master;
    if (client->method->wait == RPC_WAIT_RELOAD) {
        client->wait_id = reload_request(master);
        client->deadline_ms = INT64_MAX;
        return;
    }
    if (client->method->wait == RPC_WAIT_UPGRADE) {
        client->wait_id = upgrade_request(master);
        client->deadline_ms = INT64_MAX;
        return;
    }
    if (client->method->wait == RPC_WAIT_COROUTINES) {
        client->params.wait_id = client->wait_id = coroutines_ask(master);
        client->deadline_ms = clock_now_ms() + COROUTINES_WAIT_MS;
        return;
    }
    if (client->method->wait == RPC_WAIT_ROUTES) {
        client->wait_id = routes_ask(master);
        client->deadline_ms = clock_now_ms() + ROUTES_WAIT_MS;
        return;
    }
    client->wait_id = reports_ask(master, clock_now_ms());
    client->deadline_ms = clock_now_ms() + REPORTS_WAIT_MS;
}

static int refuse_params(struct rpc_client *client, const struct rpc_method *method, uint64_t id)
{
    char message[128];
    if (method->param)
        snprintf(message, sizeof(message), "%s takes one parameter: {%s: %s}", method->name,
                 method->param, method->param_type == MP_UINT ? "a number" : "a text");
    else
        snprintf(message, sizeof(message), "%s takes no parameters", method->name);
    return refuse(client, id, RPC_BAD_PARAMS, message);
}

/* One frame. 0; < 0: the client is to be closed. */
static int take_call(struct rpc_client *client, const char *data, size_t len)
{
    struct mp_reader reader;
    struct mp_value array, type, id, name;
    mp_reader_init(&reader, data, len);
    if (mp_get_type(&reader, MP_ARRAY, &array) < 0 || mp_get_type(&reader, MP_UINT, &type) < 0)
        return -EBADMSG;
    if (type.uint == 2 && array.len == 3)
        return 0; /* a notification has no answer, and none of ours is wanted as one */
    if (type.uint != 0 || array.len != 4 || mp_get_type(&reader, MP_UINT, &id) < 0 ||
        mp_get_type(&reader, MP_STR, &name) < 0)
        return -EBADMSG;
    const struct rpc_method *method = find_method(&name);
    if (!method)
        return refuse(client, id.uint, RPC_NO_METHOD, "there is no such method");
    int error = read_params(&reader, method, &client->params);
    if (error == -EBADMSG)
        return error;
    if (error)
        return refuse_params(client, method, id.uint);
    if (method->changes && !client->may_change)
        return refuse(client, id.uint, RPC_FORBIDDEN,
                      "only root and the user that runs the server may do that");
    client->params.watch = &client->watch;
    if (method->wait == RPC_WAIT_NONE)
        return answer(client, method, id.uint);
    client->method = method;
    client->id = id.uint;
    begin_wait(client);
    return 0;
}

/* Every whole frame, until one waits. 0; < 0: the client is to be closed. */
static int take_calls(struct rpc_client *client)
{
    while (!client->method && buf_len(&client->in)) {
        ssize_t len = mp_frame(buf_at(&client->in), buf_len(&client->in));
        if (len < 0)
            return (int)len;
        if (len == 0)
            return buf_len(&client->in) < RPC_MAX_FRAME_BYTES ? 0 : -EMSGSIZE;
        int error = take_call(client, buf_at(&client->in), (size_t)len);
        if (error)
            return error;
        buf_consume(&client->in, (size_t)len);
    }
    if (!buf_len(&client->in))
        buf_clear(&client->in);
    return 0;
}

/* Read once. 1; 0 nothing there; < 0 the client is gone. */
static int read_in(struct rpc_client *client)
{
    size_t room = RPC_MAX_FRAME_BYTES - buf_len(&client->in);
    size_t want = room < READ_BYTES ? room : READ_BYTES;
    if (buf_reserve(&client->in, want) < 0)
        return -ENOMEM;
    ssize_t got = recv(client->fd, client->in.data + client->in.end, want, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (got == 0)
        return -EPIPE;
    client->in.end += (size_t)got;
    return 1;
}

static void on_client(void *arg, int fd, unsigned what)
{
    struct rpc_client *client = arg;
    int error = 0;
    (void)fd;
    if (what & LOOP_READ && !client->method)
        error = read_in(client);
    if (error > 0)
        error = take_calls(client);
    if (error < 0 || !send_out(client)) {
        if (error < 0 && error != -EPIPE)
            client->server->master->sums.master.stats_clients_refused++;
        client_free(client);
        return;
    }
    want_events(client);
}

/* ---- accepting ---- */

static bool may_change(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

static void on_connect(void *arg, int fd, unsigned what);

static void accept_again(void *arg)
{
    struct rpc_server *server = arg;
    loop_event_stop(&server->event);
    if (loop_event_start(server->master->loop, &server->event, server->socket.fd, LOOP_READ,
                         on_connect, server) < 0)
        loop_timer_start(server->master->loop, &server->resume, ACCEPT_PAUSE_MS, accept_again,
                         server);
}

static void client_new(struct rpc_server *server, int fd)
{
    struct rpc_client *client = NULL;
    if (server->client_count < RPC_MAX_CLIENTS)
        client = calloc(1, sizeof(*client));
    if (!client) {
        server->master->sums.master.stats_clients_refused++;
        close(fd);
        return;
    }
    client->server = server;
    client->fd = fd;
    client->may_change = may_change(fd);
    buf_init(&client->in, RPC_MAX_FRAME_BYTES);
    buf_init(&client->out, RPC_MAX_UNREAD_BYTES);
    list_init(&client->node);
    list_append(&server->clients, &client->node);
    server->client_count++;
    want_events(client);
}

static void on_connect(void *arg, int listen_fd, unsigned what)
{
    struct rpc_server *server = arg;
    (void)what;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        client_new(server, fd);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        loop_event_stop(&server->event); /* no descriptor is free: do not spin */
        loop_timer_start(server->master->loop, &server->resume, ACCEPT_PAUSE_MS, accept_again,
                         server);
    }
}

/* ---- life ---- */

/* /run/galley is ours to make when we are root; elsewhere a folder must be there. */
static void make_folder(const char *path)
{
    if (!strncmp(path, "/run/galley/", strlen("/run/galley/")) && geteuid() == 0 &&
        mkdir("/run/galley", 0755) < 0 && errno != EEXIST)
        log_line(LOG_LEVEL_WARN, "stats_folder", "/run/galley: %s", strerror(errno));
}

int rpc_server_open(struct master *master, const struct settings *settings, struct errmsg *why)
{
    char path[SETTINGS_PATH_BYTES];
    struct rpc_server *server = calloc(1, sizeof(*server));
    if (!server) {
        errmsg_set(why, "no memory for the stats socket");
        return -ENOMEM;
    }
    server->master = master;
    list_init(&server->clients);
    int error = settings_stats_path(settings->stats, path, why);
    if (!error) {
        make_folder(path);
        if (!heir_take_stats(&master->heir, path, &server->socket))
            error = unix_socket_open(&server->socket, path, STATS_MODE, why);
    }
    if (!error && !heir_is_waiting(&master->heir))
        error = loop_event_start(master->loop, &server->event, server->socket.fd, LOOP_READ,
                                 on_connect, server);
    if (!error) {
        master->rpc = server;
        return 0;
    }
    free(server);
    if (settings->stats[0])
        return error;
    log_line(LOG_LEVEL_WARN, "no_stats_socket", "%s; give --stats for one of its own", why->text);
    *why = (struct errmsg){0};
    return 0;
}

void rpc_server_close(struct master *master)
{
    struct rpc_server *server = master->rpc;
    if (!server)
        return;
    while (!list_is_empty(&server->clients)) {
        struct rpc_client *client = LIST_ENTRY(server->clients.next, struct rpc_client, node);
        send_out(client);
        client_free(client);
    }
    loop_event_stop(&server->event);
    loop_timer_stop(&server->resume);
    unix_socket_close(&server->socket);
    free(server);
    master->rpc = NULL;
}

void rpc_server_accept(struct master *master, bool accept)
{
    struct rpc_server *server = master->rpc;
    if (!server)
        return;
    loop_event_stop(&server->event);
    loop_timer_stop(&server->resume);
    if (accept)
        accept_again(server);
}

const struct unix_socket *rpc_server_socket(const struct master *master)
{
    return master->rpc ? &master->rpc->socket : NULL;
}

void rpc_server_lend(struct master *master, bool is_lent)
{
    if (master->rpc)
        master->rpc->socket.is_lent = is_lent;
}

static bool wait_is_over(const struct master *master, const struct rpc_client *client,
                         int64_t now_ms)
{
    if (client->method->wait == RPC_WAIT_RELOAD)
        return (int32_t)(master->reload.decided_id - client->wait_id) >= 0;
    if (client->method->wait == RPC_WAIT_UPGRADE)
        return (int32_t)(master->upgrade.decided_id - client->wait_id) >= 0;
    if (now_ms >= client->deadline_ms)
        return true;
    if (client->method->wait == RPC_WAIT_COROUTINES)
        return coroutines_all_told(master, client->wait_id);
    if (client->method->wait == RPC_WAIT_ROUTES)
        return routes_all_told(master, client->wait_id);
    return reports_all_in(master, client->wait_id);
}

/* The rows of all workers are large: they go when nobody waits for them. */
static void forget_rows(struct rpc_server *server)
{
    for (struct list *c = server->clients.next; c != &server->clients; c = c->next) {
        const struct rpc_client *client = LIST_ENTRY(c, struct rpc_client, node);
        if (client->method && client->method->wait == RPC_WAIT_COROUTINES)
            return;
    }
    coroutines_forget(server->master);
}

static void finish_call(struct rpc_client *client)
{
    const struct rpc_method *method = client->method;
    client->method = NULL;
    int error = answer(client, method, client->id);
    if (method->wait == RPC_WAIT_COROUTINES)
        forget_rows(client->server);
    if (error < 0 || take_calls(client) < 0 || !send_out(client))
        client_free(client);
    else
        want_events(client);
}

/* Notify one that watches. false: it does not read, or is gone. */
static bool notify(struct rpc_client *client, int64_t now_ms, int64_t *again_ms)
{
    struct master *master = client->server->master;
    int result = rpc_watch_turn(master, &client->watch, &client->out, now_ms, again_ms);
    if (result < 0)
        master->sums.master.stats_clients_refused++;
    if (result < 0 || (result > 0 && !send_out(client))) {
        client_free(client);
        return false;
    }
    return true;
}

void rpc_server_turn(struct master *master, int64_t now_ms, int64_t *again_ms)
{
    struct rpc_server *server = master->rpc;
    if (!server)
        return;
    for (struct list *c = server->clients.next, *next; c != &server->clients; c = next) {
        struct rpc_client *client = LIST_ENTRY(c, struct rpc_client, node);
        next = c->next;
        if (!notify(client, now_ms, again_ms))
            continue;
        if (!client->method) {
            want_events(client);
            continue;
        }
        if (wait_is_over(master, client, now_ms)) {
            finish_call(client);
            *again_ms = now_ms; /* its next call may wait in turn */
        } else {
            want_events(client);
            if (client->deadline_ms < *again_ms)
                *again_ms = client->deadline_ms;
        }
    }
}
