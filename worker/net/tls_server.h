/* tls_server.h - what the tls*.c files share: a worker's certificates, ticket keys and leftovers.
 * Does:     say how struct tls_server looks inside.
 * Does not: serve anybody else; tls.h is the door. */
#ifndef GALLEY_WORKER_NET_TLS_SERVER_H
#define GALLEY_WORKER_NET_TLS_SERVER_H

#include <openssl/ssl.h>

#include "common/list.h"
#include "common/loop.h"
#include "worker/net/tls.h"

/* A name a certificate is for: in small letters, without the "*" of a wildcard (".example.org"). */
struct tls_name {
    char *text;
    size_t len;
    size_t context; /* index */
};

struct tls_server {
    SSL_CTX **contexts; /* one for each certificate; the first is the default */
    size_t context_count;
    struct tls_name *names;
    size_t name_count;
    struct inherit_tickets *tickets; /* a mapping of its own, left out of core dumps */
    EVP_CIPHER *ticket_cipher;
    BIO_METHOD *socket_method;
    struct stats *stats;
    struct list unsent; /* struct tls_unsent */
    size_t unsent_count;
};

/* tls_ticket.c: stateless tickets under the server's keys for one context. 0, -ENOMEM. */
int tls_tickets_init(struct tls_server *server, const struct inherit_tickets *tickets);
void tls_tickets_release(struct tls_server *server);
void tls_tickets_use(struct tls_server *server, SSL_CTX *context);

/* tls.c: OpenSSL's view of our sockets. NULL when memory is short. */
BIO_METHOD *tls_socket_method_new(void);

/* tls_unsent.c: go on sending the `len` bytes of ciphertext at `bytes` (on the heap, at `start`; taken over), then close
 * `fd` (taken over): bounded in time and number. */
void tls_unsent_start(struct tls_server *server, struct loop *loop, int fd, unsigned char *bytes,
                      size_t start, size_t len);
void tls_unsent_stop_all(struct tls_server *server);

#endif
