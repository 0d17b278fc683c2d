/* resolve.h - names to addresses, without blocking the loop.
 * Does:     getaddrinfo on two threads of its own (started when first needed), one question per name at a time, answers kept
 *           for 30 s, failures for 5 s; numeric addresses are answered at once.
 * Does not: speak DNS: hosts file, nsswitch and mDNS hold as for any program.
 * See:      POSIX getaddrinfo, RFC 6724 (the order of addresses is the system's) */
#ifndef GALLEY_WORKER_IO_RESOLVE_H
#define GALLEY_WORKER_IO_RESOLVE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "worker/io/remotes.h"

enum { RESOLVE_ADDRESSES_MAX = 8 };

struct resolved {
    size_t count;
    struct resolve_address {
        socklen_t len;
        union {
            struct sockaddr sa;
            struct sockaddr_in in;
            struct sockaddr_in6 in6;
        };
    } at[RESOLVE_ADDRESSES_MAX];
};

/* The addresses of `host`, each with `port`. 0; -GALLEY_ENAME (galley_why has the reason), -ECANCELED: the caller's scope
 * was cancelled, the thread goes on; -ENOMEM. */
GALLEY_YIELDS int resolve(galley_async *co, const char *host, uint16_t port, struct resolved *found,
                          const char *here) __attribute__((warn_unused_result));
/* "127.0.0.1" or "::1". */
void resolve_print(const struct resolve_address *address, char *out, size_t size);

/* False if a thread is still in a call: it is detached from all that is freed, but runs. */
bool resolver_free(struct resolver *resolver);

#endif
