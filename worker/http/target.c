/* target.c - the parts of a request target that both protocols check alike.
 * Does:     authorities (uri-host and port) and the path in front of a query.
 * Does not: decode, allocate, know which forms go with which method.
 * See:      target.h */
#include "worker/http/target.h"

#include <arpa/inet.h>
#include <string.h>

#include "worker/http/field.h"

/* Bytes of the "[IPv6]" that [text, len) begins with, 0 if it does not. */
__attribute__((noinline)) static size_t ipv6_len(const char *text, size_t len)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    const char *close = memchr(text, ']', len);

    if (!close || (size_t)(close - text) > sizeof address)
        return 0;
    size_t address_len = (size_t)(close - text) - 1;
    memcpy(address, text + 1, address_len);
    address[address_len] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1 ? address_len + 2 : 0;
}

bool target_is_authority(const char *text, size_t len)
{
    size_t at = field_skip(text, 0, len, FIELD_AUTHORITY);
    unsigned port = 0;

    if (at == 0 && len > 0 && text[0] == '[')
        at = ipv6_len(text, len);
    if (at == 0)
        return false;
    if (at == len)
        return true;
    if (text[at] != ':' || len - at > sizeof ":65535" - 1)
        return false;
    for (at++; at < len; at++) {
        unsigned digit = (unsigned)(unsigned char)text[at] - '0';
        if (digit > 9)
            return false;
        port = port * 10 + digit;
    }
    return port <= 65535;
}

ssize_t target_path_len(const char *text, size_t len)
{
    size_t pos = field_skip(text, 0, len, FIELD_PATH);

    while (pos < len && text[pos] == '%') {
        if (len - pos < 3 || !field_is(text[pos + 1], FIELD_HEX) ||
            !field_is(text[pos + 2], FIELD_HEX))
            return -1;
        if (text[pos + 1] == '0' && text[pos + 2] == '0')
            return -1;
        pos = field_skip(text, pos + 3, len, FIELD_PATH);
    }
    return pos == len || text[pos] == '?' ? (ssize_t)pos : -1;
}
