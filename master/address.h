/* address.h - one `listen` value, understood.
 * Does:     parse [http://|https://]HOST:PORT and unix:PATH; format what was bound. Pure.
 * Does not: resolve names (HOST is an address, localhost or *) or open sockets (listen.c). */
#ifndef GALLEY_MASTER_ADDRESS_H
#define GALLEY_MASTER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "common/errmsg.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } sa;
    socklen_t len;
    bool tls, is_unix;
};

enum { ADDRESS_TEXT_BYTES = 128 };

/* Without a scheme HOST:PORT is https where `has_cert`, else http; a UNIX socket is http. 0; -EINVAL with a sentence. */
int address_parse(struct address *address, const char *text, bool has_cert, struct errmsg *why)
    __attribute__((warn_unused_result));
/* "http://127.0.0.1:8000", "https://[::1]:8443", "unix:/run/app.sock". */
void address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES]);
/* The same place: family, host, port or path. */
bool address_is_same(const struct address *a, const struct address *b);
/* 0 for a UNIX socket. */
unsigned address_port(const struct address *address);
void address_set_port(struct address *address, unsigned port);

#endif
