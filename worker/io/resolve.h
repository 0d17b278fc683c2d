/* resolve.h - names to addresses, without blocking the loop.
 * Does:     getaddrinfo on two threads of its own (started when first needed), one question per name at a time, answers kept
 *           for 30 s, failures for 5 s; numeric addresses are answered at once.
 * Does not: speak DNS: hosts file, nsswitch and mDNS hold as for any program.
 * See:      POSIX getaddrinfo, RFC 6724 (the order of addresses is the system's), t/unit/worker/io/resolve.c */
#ifndef GALLEY_WORKER_IO_RESOLVE_H
#define GALLEY_WORKER_IO_RESOLVE_H

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "worker/io/remotes.h"

enum { RESOLVE_ADDRESSES_MAX = 8, RESOLVE_HOST_MAX_BYTES = 255 };

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
/* True and found, without waiting: `host` is numeric, or its answer is kept. */
bool resolve_known(struct remotes *remotes, const char *host, uint16_t port,
                   struct resolved *found);
/* "127.0.0.1" or "::1". */
void resolve_print(const struct resolve_address *address, char *out, size_t size);

/* What the threads call; getaddrinfo itself where resolve() makes the resolver. */
typedef int resolve_lookup_fn(const char *host, const char *service, const struct addrinfo *hints,
                              struct addrinfo **found);
/* NULL with errno. Starts no thread. */
struct resolver *resolver_new(struct remotes *remotes, resolve_lookup_fn *lookup);
/* False if a thread is still in a call after 500 ms: nothing was freed; leave with _exit, or call again. NULL is fine. */
bool resolver_free(struct resolver *resolver);

#endif
