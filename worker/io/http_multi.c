/* http_multi.c - libcurl's multi interface on the worker's loop: sockets, the timer, starts and ends.
 * Does:     watch libcurl's sockets and call it when something happens to them; wake who waits for what is done.
 * Does not: call libcurl from its own callbacks, or change a registration that the next call will want again: a connection
 *           is watched for reading as long as it lives, so that a call on it needs no epoll_ctl, and one that its server
 *           closes while it is idle is found out at once.
 * See:      http_client.h, libcurl's curl_multi_socket_action(3) */
#include "worker/io/http_client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"

enum { IDLE_MS = 60000, IDLE_CHECK_MS = 20000 };

/* ---- after each call of libcurl ---- */

static void collect(struct http_client *client)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        struct http_handle *handle = NULL;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&handle);
        curl_multi_remove_handle(client->multi, easy);
        handle->result = result;
        handle->state = HTTP_DONE;
        if (handle->is_waiting)
            coro_wake(handle->co, 0);
    }
}

static void timer_fired(void *arg);

/* Take what is done, and see to it that libcurl is called when it wants to be. */
static void settle(struct http_client *client)
{
    collect(client);
    if (client->timeout_ms < 0)
        return;
    if (client->timeout_ms == 0) {
        loop_event_fire(&client->turn, LOOP_READ);
        return;
    }
    int64_t at_ms = clock_now_ms() + client->timeout_ms;
    client->timeout_ms = -1;
    if (client->timer_at_ms <= at_ms)
        return; /* it fires early then, and is set again */
    client->timer_at_ms = at_ms;
    loop_timer_start(client->remotes->loop, &client->timer, at_ms - clock_now_ms(), timer_fired,
                     client);
}

static void timer_fired(void *arg)
{
    struct http_client *client = arg;
    int running;
    client->timer_at_ms = INT64_MAX;
    client->timeout_ms = -1;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    if (client->timeout_ms < 0) /* it says so only when it has changed */
        curl_multi_timeout(client->multi, &client->timeout_ms);
    settle(client);
}

/* Start what waits to be started, and let libcurl do what cannot wait. */
static void turn(void *arg, int fd, unsigned what)
{
    struct http_client *client = arg;
    struct list *node;
    int running;
    (void)fd, (void)what;
    while ((node = list_take_first(&client->starting)) != NULL) {
        struct http_handle *handle = LIST_ENTRY(node, struct http_handle, link);
        CURLMcode rc = curl_multi_add_handle(client->multi, handle->easy);
        handle->state = rc == CURLM_OK ? HTTP_RUNNING : HTTP_DONE;
        handle->result = CURLE_OUT_OF_MEMORY;
        if (rc != CURLM_OK && handle->is_waiting)
            coro_wake(handle->co, 0);
    }
    client->timeout_ms = -1;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    settle(client);
}

/* ---- sockets ---- */

static struct http_socket *socket_of(const struct http_client *client, int fd)
{
    return fd >= 0 && (size_t)fd < client->socket_room ? client->sockets[fd] : NULL;
}

/* Something came on a connection that nobody uses: its end, or what nobody asked for. It may not be used again, lest the
 * next call takes that for its answer: it is closed, and libcurl's descriptor becomes one that has ended, as it finds out
 * when it looks. With HTTP/2 it may be a ping, which nobody would answer before the next call. */
static void idle_happened(struct http_socket *socket)
{
    struct http_client *client = socket->client;
    loop_event_stop(&socket->read);
    socket->is_reading = false;
    if (socket->is_ended)
        return;
    if (dup3(client->ended_fd, socket->fd, O_CLOEXEC) < 0) {
        log_line(LOG_LEVEL_ERROR, "http_idle", "fd=%d cannot be closed", socket->fd);
        return;
    }
    socket->is_ended = true;
    client->remotes->stats->http_connections_open--;
}

static void socket_happened(void *arg, int fd, unsigned what)
{
    struct http_socket *socket = arg;
    struct http_client *client = socket->client;
    int running, bits = (what & LOOP_READ ? CURL_CSELECT_IN : 0) |
                        (what & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    if (socket->wanted == 0) {
        idle_happened(socket);
        return;
    }
    curl_multi_socket_action(client->multi, fd, bits, &running);
    settle(client);
}

static void watch(struct http_socket *socket, struct loop_event *event, bool *is_on, bool is_wanted,
                  unsigned what)
{
    if (*is_on == is_wanted)
        return;
    *is_on = is_wanted;
    loop_event_stop(event);
    if (!is_wanted)
        return;
    int rc = loop_event_start(socket->client->remotes->loop, event, socket->fd, what,
                              socket_happened, socket);
    if (rc < 0)
        log_line(LOG_LEVEL_ERROR, "http_watch", "fd=%d error=%d", socket->fd, -rc);
}

/* Forget a socket; its descriptor is closed or will be. */
static void forget(struct http_socket *socket)
{
    struct http_client *client = socket->client;
    loop_event_stop(&socket->read);
    loop_event_stop(&socket->write);
    client->sockets[socket->fd] = NULL;
    if (!socket->is_ended)
        client->remotes->stats->http_connections_open--;
    free(socket);
}

/* libcurl 7.88 closes some that were not connected yet without a word: is it still the one that was opened? */
static bool is_open(const struct http_socket *socket)
{
    struct stat now;
    return fstat(socket->fd, &now) == 0 && now.st_ino == socket->inode;
}

static bool is_paused(CURL *easy)
{
    struct http_handle *handle = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&handle);
    return handle->state == HTTP_RUNNING && (handle->is_down_paused || handle->is_up_paused);
}

/* libcurl's CURLMOPT_SOCKETFUNCTION. */
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct http_client *client = arg;
    struct http_socket *socket = socket_of(client, fd);
    (void)unused;
    if (socket == NULL)
        return 0; /* it is closed already */
    if (what == CURL_POLL_REMOVE && !socket->is_reading && !socket->is_ended && !is_open(socket)) {
        forget(socket);
        return 0;
    }
    socket->wanted = what == CURL_POLL_REMOVE || what == CURL_POLL_NONE ? 0 : what;
    /* Removed: the call is over, and the next one will want to read again; or it is paused. */
    /* One that has ended reads as such: whoever was given it finds out. */
    bool is_read = what == CURL_POLL_REMOVE ? !is_paused(easy) && !socket->is_ended
                                            : (what & CURL_POLL_IN) != 0;
    watch(socket, &socket->read, &socket->is_reading, is_read, LOOP_READ);
    watch(socket, &socket->write, &socket->is_writing, (socket->wanted & CURL_POLL_OUT) != 0,
          LOOP_WRITE);
    return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    struct http_client *client = arg;
    (void)multi;
    client->timeout_ms = timeout_ms;
    return 0;
}

static bool make_room(struct http_client *client, size_t count)
{
    if (count <= client->socket_room)
        return true;
    size_t room = client->socket_room * 2 > count ? client->socket_room * 2 : count + 64;
    struct http_socket **sockets = realloc(client->sockets, room * sizeof sockets[0]);
    if (sockets == NULL)
        return false;
    memset(sockets + client->socket_room, 0, (room - client->socket_room) * sizeof sockets[0]);
    client->sockets = sockets;
    client->socket_room = room;
    return true;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_handle *handle = arg;
    struct http_client *client = handle->origin->client;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    struct http_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL || !make_room(client, (size_t)fd + 1)) {
        free(socket);
        close(fd);
        return CURL_SOCKET_BAD;
    }
    if (client->sockets[fd] != NULL)
        forget(client->sockets[fd]); /* closed without a word */
    struct stat opened;
    socket->inode = fstat(fd, &opened) == 0 ? opened.st_ino : 0;
    socket->client = client;
    socket->fd = fd;
    client->sockets[fd] = socket;
    client->remotes->stats->http_connections_open++;
    return fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct http_client *client = arg;
    struct http_socket *socket = socket_of(client, fd);
    if (socket != NULL)
        forget(socket);
    return close(fd);
}

void http_set_sockets(struct http_handle *handle)
{
    curl_easy_setopt(handle->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(handle->easy, CURLOPT_OPENSOCKETDATA, handle);
    curl_easy_setopt(handle->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(handle->easy, CURLOPT_CLOSESOCKETDATA, handle->origin->client);
}

/* ---- what exchanges ask for ---- */

static void idle_check(void *arg);

void http_note_use(struct http_client *client)
{
    if (client->is_idle_timed)
        return;
    client->is_idle_timed = true;
    loop_timer_start(client->remotes->loop, &client->idle_timer, IDLE_CHECK_MS, idle_check, client);
}

void http_start(struct http_handle *handle)
{
    struct http_client *client = handle->origin->client;
    handle->state = HTTP_STARTING;
    list_append(&client->starting, &handle->link);
    loop_event_fire(&client->turn, LOOP_READ);
    http_note_use(client);
}

void http_stop(struct http_handle *handle)
{
    struct http_client *client = handle->origin->client;
    if (handle->state == HTTP_STARTING) {
        list_remove(&handle->link);
        handle->origin->is_given = false; /* libcurl was not told by this one */
    }
    bool is_running = handle->state == HTTP_RUNNING;
    handle->state = HTTP_DONE;
    if (is_running) {
        curl_multi_remove_handle(client->multi, handle->easy);
        settle(client);
    }
}

void http_resume(struct http_handle *handle)
{
    handle->is_up_paused = handle->is_down_paused = false;
    if (handle->state != HTTP_RUNNING)
        return;
    curl_easy_pause(handle->easy, CURLPAUSE_CONT);
    settle(handle->origin->client);
}

uint64_t http_random(struct http_client *client, uint64_t below)
{
    client->seed ^= client->seed << 13;
    client->seed ^= client->seed >> 7;
    client->seed ^= client->seed << 17;
    return client->seed % below;
}

/* ---- the client ---- */

static int multi_open(struct http_client *client)
{
    client->multi = curl_multi_init();
    if (client->multi == NULL)
        return -ENOMEM;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_CONNECTIONS_MAX);
    client->timeout_ms = -1;
    client->timer_at_ms = INT64_MAX;
    return 0;
}

/* After a minute without a call nothing is kept: connections, handles, what is known of origins. */
static void idle_check(void *arg)
{
    struct http_client *client = arg;
    client->is_idle_timed = false;
    if (client->active_count == 0 && clock_now_ms() - client->used_at_ms >= IDLE_MS) {
        http_origins_free(client);
        loop_timer_stop(&client->timer);
        curl_multi_cleanup(client->multi);
        if (multi_open(client) == 0)
            return;
        log_line(LOG_LEVEL_ERROR, "http_client", "no memory to go on");
        client->multi = NULL;
        return;
    }
    client->is_idle_timed = true;
    loop_timer_start(client->remotes->loop, &client->idle_timer, IDLE_CHECK_MS, idle_check, client);
}

static char *environment(const char *lower, const char *upper)
{
    const char *value = getenv(lower);
    if (value == NULL && upper != NULL)
        value = getenv(upper);
    return value != NULL && value[0] != '\0' ? strdup(value) : NULL;
}

/* A descriptor that reads as ended and takes what is written. And a broken connection of TLS, which OpenSSL writes to, is
 * no reason to die: a worker ignores the signal already. */
static int open_ended(struct http_client *client)
{
    int pair[2];
    struct sigaction now;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    client->ended_fd = pair[0];
    client->ended_peer_fd = pair[1];
    shutdown(pair[1], SHUT_WR);
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        now.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &now, NULL);
    }
    return 0;
}

static struct http_client *client_new(struct remotes *remotes)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    client->remotes = remotes;
    list_init(&client->starting);
    list_init(&client->origins);
    if (getrandom(&client->seed, sizeof client->seed, 0) < 0 || client->seed == 0)
        client->seed = (uint64_t)clock_now_us() | 1;
    if (open_ended(client) < 0)
        goto free_client;
    client->turn_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (client->turn_fd < 0)
        goto close_ended;
    if (loop_event_start(remotes->loop, &client->turn, client->turn_fd, LOOP_READ, turn, client) <
        0)
        goto close_fd;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || multi_open(client) < 0)
        goto stop_event;
    client->http_proxy = environment("http_proxy", NULL); /* HTTP_PROXY may be a CGI client's */
    client->https_proxy = environment("https_proxy", "HTTPS_PROXY");
    client->no_proxy = environment("no_proxy", "NO_PROXY");
    return client;

stop_event:
    loop_event_stop(&client->turn);
close_fd:
    close(client->turn_fd);
close_ended:
    close(client->ended_fd);
    close(client->ended_peer_fd);
free_client:
    free(client);
    return NULL;
}

struct http_client *http_client_of(struct remotes *remotes)
{
    if (remotes->http == NULL)
        remotes->http = client_new(remotes);
    if (remotes->http != NULL && remotes->http->multi == NULL && multi_open(remotes->http) < 0)
        return NULL;
    return remotes->http;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    GALLEY_BUG_IF(client->active_count > 0, "%zu HTTP calls run at the end", client->active_count);
    http_origins_free(client);
    if (client->multi != NULL)
        curl_multi_cleanup(client->multi);
    loop_timer_stop(&client->timer);
    loop_timer_stop(&client->idle_timer);
    loop_event_stop(&client->turn);
    close(client->turn_fd);
    close(client->ended_fd);
    close(client->ended_peer_fd);
    for (size_t i = 0; i < client->socket_room; i++)
        if (client->sockets[i] != NULL)
            forget(client->sockets[i]);
    free(client->sockets);
    free(client->http_proxy);
    free(client->https_proxy);
    free(client->no_proxy);
    curl_global_cleanup();
    free(client);
}
