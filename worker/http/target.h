/* target.h - the parts of a request target that both protocols check alike.
 * Does:     authorities (uri-host and port) and the path in front of a query.
 * Does not: decode, allocate, know which forms go with which method.
 * See:      RFC 3986 sections 2.1 and 3.2, RFC 9110 sections 4.2 and 7.2 */
#ifndef GALLEY_WORKER_HTTP_TARGET_H
#define GALLEY_WORKER_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Is it a host, of a name, an IPv4 or an [IPv6] address, with or without a port up to 65535? Empty
 * text, userinfo, commas and percent-encoding are refused. */
bool target_is_authority(const char *text, size_t len);

/* Bytes of the path in front of the first '?' or the end; -1 when it holds a byte that no target may
 * hold, broken percent-encoding or an encoded NUL. The query is not judged. */
ssize_t target_path_len(const char *text, size_t len);

#endif
