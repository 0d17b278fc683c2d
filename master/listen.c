/* listen.c - the listening sockets of the server.
 * Does:     for each address one SO_REUSEPORT socket per possible worker, never closed while the address is served:
 *           closing one would reset the connections in its queue.
 * Does not: accept.
 * See:      assign.c, address.c, unix_socket.c, t/unit/master/listen.c */
#include "master/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG_COUNT = 4096 }; /* the kernel cuts it to net.core.somaxconn */
enum { UNIX_MODE = 0666 };     /* a proxy of another user may connect; the folder restricts */

static int refuse(struct errmsg *why, const struct address *address, int error)
{
    char text[ADDRESS_TEXT_BYTES];
    address_format(address, text);
    unsigned port = address_port(address);
    if (error == EADDRINUSE)
        errmsg_set(why,
                   "cannot listen on %s: port %u is in use; stop the other program (`ss -ltnp "
                   "sport = :%u` names it) or choose another with --listen",
                   text, port, port);
    else if (error == EACCES)
        errmsg_set(
            why,
            "cannot listen on %s: ports below 1024 need root (give `user` for the workers) or "
            "CAP_NET_BIND_SERVICE; or choose a higher one with --listen",
            text);
    else if (error == EADDRNOTAVAIL)
        errmsg_set(why, "cannot listen on %s: no interface of this machine has that address", text);
    else {
        errno = error;
        errmsg_set_sys(why, "cannot listen on %s", text);
    }
    return -error;
}

static int set_option(int fd, int level, int name)
{
    int on = 1;
    return setsockopt(fd, level, name, &on, sizeof(on));
}

/* A bound socket. Its descriptor, -errno. */
static int bind_socket(const struct address *address, bool reuse_port)
{
    int fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR) < 0 ||
        (reuse_port && set_option(fd, SOL_SOCKET, SO_REUSEPORT) < 0) ||
        (address->sa.any.sa_family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0) ||
        bind(fd, &address->sa.any, address->len) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* Another server of the same user would share a SO_REUSEPORT port in silence, each getting half of the connections. So
 * the first try is without it; it also chooses the port when 0 was asked for. 0, -errno. */
static int probe(struct address *address)
{
    int fd = bind_socket(address, false);
    if (fd < 0)
        return fd;
    struct address bound = *address;
    int error = listen(fd, 1) < 0 ? -errno : 0;
    if (!error && getsockname(fd, &bound.sa.any, &bound.len) < 0)
        error = -errno;
    close(fd);
    if (!error)
        address_set_port(address, address_port(&bound));
    return error;
}

/* More sockets of the group, up to `count`, bound. 0, -errno. */
static int grow_group(struct listener *listener, size_t count)
{
    if (listener->fd_count >= count)
        return 0;
    int *fds = reallocarray(listener->fds, count, sizeof(*fds));
    if (!fds)
        return -ENOMEM;
    listener->fds = fds;
    while (listener->fd_count < count) {
        int fd = bind_socket(&listener->bound, true);
        if (fd < 0)
            return fd;
        fds[listener->fd_count++] = fd;
    }
    return 0;
}

static int start_listening(struct listener *listener)
{
    for (; listener->listening_count < listener->fd_count; listener->listening_count++)
        if (listen(listener->fds[listener->listening_count], BACKLOG_COUNT) < 0)
            return -errno;
    return 0;
}

static void listener_free(struct listener *listener)
{
    list_remove(&listener->node);
    if (listener->bound.is_unix)
        unix_socket_close(&listener->unix_socket);
    else
        for (size_t i = 0; i < listener->fd_count; i++)
            close(listener->fds[i]);
    free(listener->fds);
    free(listener);
}

/* A listener without sockets for a UNIX path: the one it has is its unix_socket's. */
static int open_unix(struct listener *listener, struct errmsg *why)
{
    listener->fds = malloc(sizeof(*listener->fds));
    if (!listener->fds)
        return -ENOMEM;
    int error =
        unix_socket_open(&listener->unix_socket, listener->wanted.sa.un.sun_path, UNIX_MODE, why);
    if (error)
        return error;
    listener->fds[0] = listener->unix_socket.fd;
    listener->fd_count = listener->listening_count = 1;
    return 0;
}

static struct listener *listener_new(struct list *all, const struct address *wanted, size_t count,
                                     struct errmsg *why)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    if (!listener) {
        errmsg_set(why, "no memory for a listener");
        return NULL;
    }
    listener->wanted = listener->bound = *wanted;
    listener->unix_socket.fd = -1;
    list_init(&listener->node);
    int error = wanted->is_unix ? open_unix(listener, why) : probe(&listener->bound);
    if (!error && !wanted->is_unix)
        error = grow_group(listener, count);
    if (!error)
        error = start_listening(listener);
    if (error) {
        refuse(why, &listener->bound, -error);
        listener_free(listener);
        return NULL;
    }
    list_append(all, &listener->node);
    return listener;
}

static struct listener *find_open(struct list *all, const struct address *wanted)
{
    for (struct list *node = all->next; node != all; node = node->next) {
        struct listener *listener = LIST_ENTRY(node, struct listener, node);
        if (!listener->claimed && address_is_same(&listener->wanted, wanted))
            return listener;
    }
    return NULL;
}

static void set_add(struct listen_set *set, struct listener *listener, bool tls)
{
    size_t n = set->count++;
    struct address shown = listener->bound;
    shown.tls = tls;
    address_format(&shown, set->texts[n]);
    set->listeners[n] = listener;
    listener->users++;
    listener->claimed = true;
    set->groups[n] = (struct assign_group){
        .first = set->socket_count, .count = listener->fd_count, .shared = shown.is_unix};
    for (size_t i = 0; i < listener->fd_count; i++)
        set->sockets[set->socket_count++] =
            (struct inherit_listener){.fd = listener->fds[i], .tls = tls, .text = set->texts[n]};
}

static int add_one(struct listen_set *set, struct list *all, const char *value, bool has_cert,
                   size_t group_count, struct errmsg *why)
{
    struct address wanted;
    int error = address_parse(&wanted, value, has_cert, why);
    if (error)
        return error;
    for (size_t i = 0; i < set->count; i++)
        if (address_is_same(&set->listeners[i]->wanted, &wanted) &&
            (wanted.is_unix || address_port(&wanted))) {
            errmsg_set(why, "cannot listen on %s: it is given twice", value);
            return -EINVAL;
        }
    struct listener *listener = find_open(all, &wanted);
    if (listener && !wanted.is_unix) {
        error = grow_group(listener, group_count);
        if (error)
            return refuse(why, &listener->bound, -error);
    }
    if (!listener)
        listener = listener_new(all, &wanted, group_count, why);
    if (!listener)
        return -EINVAL;
    if (set->socket_count + listener->fd_count > PROTO_MAX_SOCKETS) {
        errmsg_set(why, "cannot listen on %s: %d sockets are the most; restart to share them anew",
                   value, PROTO_MAX_SOCKETS);
        if (!listener->users)
            listener_free(listener);
        return -EINVAL;
    }
    set_add(set, listener, wanted.tls);
    return 0;
}

int listen_set_open(struct listen_set *set, struct list *all, const struct setting_list *values,
                    bool has_cert, size_t worker_count, struct errmsg *why)
{
    memset(set, 0, sizeof(*set));
    if (values->count > LISTEN_MAX_ADDRESSES || !values->count) {
        errmsg_set(why, "%zu listen addresses are given; from 1 to %d are possible", values->count,
                   LISTEN_MAX_ADDRESSES);
        return -EINVAL;
    }
    size_t group_count = worker_count > LISTEN_MIN_SOCKETS ? worker_count : LISTEN_MIN_SOCKETS;
    if (group_count > PROTO_MAX_SOCKETS / values->count)
        group_count = PROTO_MAX_SOCKETS / values->count;
    for (struct list *node = all->next; node != all; node = node->next)
        LIST_ENTRY(node, struct listener, node)->claimed = false;
    for (size_t i = 0; i < values->count; i++) {
        int error = add_one(set, all, values->at[i], has_cert, group_count, why);
        if (error) {
            listen_set_close(set);
            return error;
        }
    }
    return 0;
}

int listen_set_start(struct listen_set *set)
{
    int first_error = 0;
    for (size_t i = 0; i < set->count; i++) {
        int error = start_listening(set->listeners[i]);
        if (!first_error)
            first_error = error;
    }
    return first_error;
}

/* ---- from another master ---- */

/* Its sockets listen where they are said to. */
static bool is_as_told(struct listener *listener)
{
    for (size_t i = 0; i < listener->fd_count; i++) {
        struct address bound = {.len = sizeof(bound.sa), .is_unix = listener->wanted.is_unix};
        int listens = 0;
        socklen_t len = sizeof(listens);
        if (getsockopt(listener->fds[i], SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 ||
            !listens || getsockname(listener->fds[i], &bound.sa.any, &bound.len) < 0 ||
            bound.sa.any.sa_family != listener->wanted.sa.any.sa_family)
            return false;
        if (bound.is_unix)
            continue;
        if (!address_port(&listener->bound))
            address_set_port(&listener->bound, address_port(&bound));
        if (!address_is_same(&listener->bound, &bound))
            return false;
    }
    return true;
}

int listen_adopt(struct list *all, const struct address *wanted, const int *fds, size_t count,
                 const struct stat *file, struct errmsg *why)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    int *copy = calloc(count, sizeof(*copy));
    if (!listener || !copy) {
        errmsg_set(why, "no memory for a listener");
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
        free(listener);
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, fds, count * sizeof(*copy));
    listener->wanted = listener->bound = *wanted;
    listener->fds = copy;
    listener->fd_count = listener->listening_count = count;
    listener->unix_socket =
        (struct unix_socket){.fd = -1, .dev = file->st_dev, .ino = file->st_ino, .is_lent = true};
    list_init(&listener->node);
    if (wanted->is_unix) {
        listener->unix_socket.fd = copy[0];
        memcpy(listener->unix_socket.path, wanted->sa.un.sun_path,
               sizeof(listener->unix_socket.path));
    }
    if (!is_as_told(listener)) {
        char text[ADDRESS_TEXT_BYTES];
        address_format(wanted, text);
        errmsg_set(why, "the old server's sockets for %s are not what it says", text);
        listener_free(listener);
        return -EINVAL;
    }
    list_append(all, &listener->node);
    return 0;
}

void listen_keep(struct list *all)
{
    for (struct list *node = all->next; node != all; node = node->next)
        LIST_ENTRY(node, struct listener, node)->unix_socket.is_lent = false;
}

void listen_set_lend(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        set->listeners[i]->unix_socket.is_lent = true;
}

void listen_close_unused(struct list *all)
{
    for (struct list *node = all->next, *next; node != all; node = next) {
        next = node->next;
        if (!LIST_ENTRY(node, struct listener, node)->users)
            listener_free(LIST_ENTRY(node, struct listener, node));
    }
}

void listen_set_close(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (--set->listeners[i]->users == 0)
            listener_free(set->listeners[i]);
    memset(set, 0, sizeof(*set));
}
