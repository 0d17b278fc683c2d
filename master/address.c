/* address.c - one `listen` value, understood.
 * Does:     parse and format addresses; every refusal is a sentence with the way out.
 * Does not: resolve names or open sockets.
 * See:      listen.c, t/unit/master/address.c (spellings as table rows) */
#include "master/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(struct errmsg *why, const char *text, const char *reason)
{
    errmsg_set(why, "cannot listen on %s: %s", text[0] ? text : "\"\"", reason);
    return -EINVAL;
}

static int parse_unix(struct address *address, const char *text, const char *path,
                      struct errmsg *why)
{
    size_t len = strlen(path);
    if (!len)
        return refuse(why, text, "the path is missing, as in unix:/run/galley/app.sock");
    if (len >= sizeof(address->sa.un.sun_path))
        return refuse(why, text, "a socket's path has at most 107 bytes; take a shorter one");
    address->sa.un.sun_family = AF_UNIX;
    memcpy(address->sa.un.sun_path, path, len + 1);
    address->len = sizeof(address->sa.un);
    address->is_unix = true;
    return 0;
}

/* The digits after the last colon. The port, or -1. */
static int parse_port(const char *digits)
{
    int port = 0;
    if (!*digits || strlen(digits) > 5)
        return -1;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9')
            return -1;
        port = port * 10 + (*digits - '0');
    }
    return port <= 65535 ? port : -1;
}

static bool parse_host(struct address *address, const char *host, bool in_brackets)
{
    if (in_brackets) {
        address->sa.in6.sin6_family = AF_INET6;
        address->len = sizeof(address->sa.in6);
        return inet_pton(AF_INET6, host, &address->sa.in6.sin6_addr) == 1;
    }
    if (!strcmp(host, "localhost"))
        host = "127.0.0.1";
    if (!strcmp(host, "*"))
        host = "0.0.0.0";
    address->sa.in.sin_family = AF_INET;
    address->len = sizeof(address->sa.in);
    return inet_pton(AF_INET, host, &address->sa.in.sin_addr) == 1;
}

int address_parse(struct address *address, const char *text, bool has_cert, struct errmsg *why)
{
    memset(address, 0, sizeof(*address));
    const char *rest = text;
    bool http = !strncmp(text, "http://", 7), https = !strncmp(text, "https://", 8);
    rest += http ? 7 : https ? 8 : 0;
    if (!strncmp(rest, "unix:", 5)) {
        address->tls = https;
        if (https && !has_cert)
            return refuse(why, text, "https needs a certificate; give tls_cert and tls_key");
        return parse_unix(address, text, rest + 5, why);
    }
    if (strstr(rest, "://"))
        return refuse(why, text, "the scheme is http:// or https://");
    const char *colon = strrchr(rest, ':');
    char host[64];
    size_t host_len = colon ? (size_t)(colon - rest) : 0;
    bool in_brackets = host_len > 2 && rest[0] == '[' && colon[-1] == ']';
    if (!host_len || host_len >= sizeof(host))
        return refuse(why, text, "write HOST:PORT, as in 127.0.0.1:8000, or unix:PATH");
    snprintf(host, sizeof(host), "%.*s", (int)(host_len - (in_brackets ? 2 : 0)),
             rest + (in_brackets ? 1 : 0));
    if (!in_brackets && strchr(host, ':'))
        return refuse(why, text, "write an IPv6 address in brackets, as in [::1]:8000");
    int port = parse_port(colon + 1);
    if (port < 0)
        return refuse(why, text, "the port is a number from 0 (any free one) to 65535");
    if (!parse_host(address, host, in_brackets))
        return refuse(why, text, "HOST is an IP address, localhost, or * for all of IPv4");
    address->tls = https || (!http && has_cert);
    if (https && !has_cert)
        return refuse(why, text, "https needs a certificate; give tls_cert and tls_key");
    address_set_port(address, (unsigned)port);
    return 0;
}

unsigned address_port(const struct address *address)
{
    if (address->is_unix)
        return 0;
    bool is_in6 = address->sa.any.sa_family == AF_INET6;
    return ntohs(is_in6 ? address->sa.in6.sin6_port : address->sa.in.sin_port);
}

void address_set_port(struct address *address, unsigned port)
{
    if (address->sa.any.sa_family == AF_INET6)
        address->sa.in6.sin6_port = htons((uint16_t)port);
    else if (address->sa.any.sa_family == AF_INET)
        address->sa.in.sin_port = htons((uint16_t)port);
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
    const char *scheme = address->tls ? "https://" : "http://";
    char host[INET6_ADDRSTRLEN] = "";
    if (address->is_unix) {
        snprintf(text, ADDRESS_TEXT_BYTES, "%sunix:%s", address->tls ? scheme : "",
                 address->sa.un.sun_path);
    } else if (address->sa.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->sa.in6.sin6_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT_BYTES, "%s[%s]:%u", scheme, host, address_port(address));
    } else {
        inet_ntop(AF_INET, &address->sa.in.sin_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT_BYTES, "%s%s:%u", scheme, host, address_port(address));
    }
}

bool address_is_same(const struct address *a, const struct address *b)
{
    return a->len == b->len && !memcmp(&a->sa, &b->sa, a->len);
}
