/* inherit.h - all that crosses fork from the master to a worker; every other descriptor is closed.
 * Does:     name it, once.
 * Does not: move it; master/spawn.c fills it in, worker/worker.c takes it. */
#ifndef GALLEY_COMMON_INHERIT_H
#define GALLEY_COMMON_INHERIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/settings.h"

/* One socket of a listening address; address i of SO_REUSEPORT has one per slot, a UNIX socket has one for all. */
struct inherit_listener {
    int fd;
    bool tls;
    const char *text; /* "http://127.0.0.1:8000", for messages */
};

/* A certificate chain and its key, read by the master as bytes; OpenSSL sees them in the worker. */
struct inherit_pem {
    const char *cert_path, *key_path;
    const char *cert, *key;
    size_t cert_len, key_len;
};

enum { INHERIT_TICKET_KEYS = 3, INHERIT_TICKET_KEY_BYTES = 80 };
/* Session ticket keys (16 name, 32 HMAC, 32 AES): current, previous, next; the same for all workers and generations. */
struct inherit_tickets {
    unsigned char key[INHERIT_TICKET_KEYS][INHERIT_TICKET_KEY_BYTES];
};

struct inherit {
    const struct settings *settings;
    const char *app_path; /* NULL: the application is linked in, `app` is it */
    const void *app;      /* const struct galley_app * */
    int slot, generation;
    int channel_fd;            /* to the master: SOCK_SEQPACKET, see proto.h */
    int log_fd, access_log_fd; /* access_log_fd -1: none */
    const struct inherit_listener *listeners;
    size_t listener_count;
    const struct inherit_pem *pems;
    size_t pem_count;
    struct inherit_tickets tickets;
};

/* A worker's whole life; returns its exit status. master/ calls it in the child through a pointer. */
typedef int worker_main_fn(const struct inherit *inherit);

#endif
