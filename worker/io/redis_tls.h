/* redis_tls.h - TLS of connections to a Redis: rediss://.
 * Does:     authorities, the handshake in the connector's coroutine, bytes in and out as by recv and send.
 * Does not: open sockets, or accept a certificate that is not trusted or not of that host.
 * See:      redis_conn.c, t/95-redis-tls.t */
#ifndef GALLEY_WORKER_IO_REDIS_TLS_H
#define GALLEY_WORKER_IO_REDIS_TLS_H

#include <sys/types.h>

#include "worker/coro/coro.h"

struct redis_tls; /* what the connections to one Redis share */
struct ssl_st;    /* OpenSSL's, of one connection */

/* `ca_file`: PEM, read now; "": the system's. NULL, and `why` is a sentence (static). */
struct redis_tls *redis_tls_new(const char *ca_file, const char **why);
/* After its connections. NULL is fine. */
void redis_tls_free(struct redis_tls *tls);

/* For the socket `fd`, which stays the caller's, connected to `host` (a name or an address). NULL: no memory. */
struct ssl_st *redis_tls_open(const struct redis_tls *tls, int fd, const char *host);
/* Never waits, and says no goodbye. NULL is fine. */
void redis_tls_close(struct ssl_st *ssl);

/* Wait until both sides agree. 0; -GALLEY_ETLS, with the reason in `why` (a string, static); -ECONNRESET, -ETIMEDOUT,
 * -ECANCELED. */
GALLEY_YIELDS int redis_tls_shake_hands(galley_async *co, struct ssl_st *ssl, int64_t until_ms,
                                        const char **why) __attribute__((warn_unused_result));

/* As recv(2) and send(2) that do not wait; errno GALLEY_EGARBLED where TLS itself is broken. More may be there until recv
 * says EAGAIN; what send has refused with EAGAIN must come again, with more behind it or not. */
ssize_t redis_tls_recv(struct ssl_st *ssl, void *buf, size_t len);
ssize_t redis_tls_send(struct ssl_st *ssl, const void *data, size_t len);

#endif
