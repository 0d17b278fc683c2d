/* tls.h - the certificates and session tickets of a worker's https listeners.
 * Does:     make OpenSSL contexts from PEM bytes, choose by SNI, take rotated ticket keys.
 * Does not: read files (the master does) or run connections (io.h: tls_open). */
#ifndef GALLEY_WORKER_NET_TLS_H
#define GALLEY_WORKER_NET_TLS_H

#include "common/errmsg.h"
#include "common/inherit.h"
#include "common/stats.h"

struct tls_server;

/* The first certificate serves clients whose name no other one has (exact, or *.domain). NULL with a sentence in `why`:
 * "cannot use certificate etc/cert.pem: it does not match key etc/key.pem". */
struct tls_server *tls_server_new(const struct inherit_pem *pems, size_t count,
                                  const struct inherit_tickets *tickets, struct stats *stats,
                                  struct errmsg *why);
/* After its connections; what they left unsent is cut. */
void tls_server_free(struct tls_server *server);
/* Connections closed by their owners whose peers are still reading (30 s at most): a draining worker waits for 0. */
size_t tls_server_unsent_count(const struct tls_server *server);
/* New ticket keys, from the next handshake on. */
void tls_server_set_tickets(struct tls_server *server, const struct inherit_tickets *tickets);

#endif
