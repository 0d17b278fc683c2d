/* target.c - the parts of a request target that both protocols check alike.
 * Does:     authorities (uri-host and port) and the path in front of a query.
 * Does not: decode, allocate, know which forms go with which method.
 * See:      target.h */
#include "worker/http/target.h"

#include <arpa/inet.h>
#include <string.h>

#include "worker/http/field.h"

bool target_is_authority(const char *text, size_t len)
{
    size_t at = 0;

    if (len > 0 && text[0] == '[') {
        char address[INET6_ADDRSTRLEN];
        struct in6_addr parsed;
        const char *close = memchr(text, ']', len);
        if (!close || (size_t)(close - text) > sizeof address)
            return false;
        at = (size_t)(close - text) + 1;
        memcpy(address, text + 1, at - 2);
        address[at - 2] = '\0';
        if (inet_pton(AF_INET6, address, &parsed) != 1)
            return false;
    } else {
        at = field_skip(text, 0, len, FIELD_AUTHORITY);
    }
    if (at == 0)
        return false;
    if (at == len)
        return true;
    if (text[at] != ':' || len - at > sizeof ":65535" - 1)
        return false;
    unsigned port = 0;
    for (at++; at < len && field_is(text[at], FIELD_DIGIT); at++)
        port = port * 10 + (unsigned)(text[at] - '0');
    return at == len && port <= 65535;
}

ssize_t target_path_len(const char *text, size_t len)
{
    size_t pos = 0;

    for (; pos < len && text[pos] != '?'; pos++) {
        if (text[pos] != '%')
            continue;
        if (len - pos < 3 || !field_is(text[pos + 1], FIELD_HEX) ||
            !field_is(text[pos + 2], FIELD_HEX))
            return -1;
        if (text[pos + 1] == '0' && text[pos + 2] == '0')
            return -1;
    }
    return (ssize_t)pos;
}
