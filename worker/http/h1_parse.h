/* h1_parse.h - an HTTP/1.1 request head, from bytes to offsets (RFC 9112 sections 2 to 6).
 * Does:     syntax, limits, framing and connection fields of one head; refuses what is ambiguous.
 * Does not: read sockets, allocate, keep pointers, decode percent-encoding, know routes.
 * See:      h1_chunk.h (chunked bodies), field.h (the byte table),
 *           t/unit/worker/http/h1_parse.c (every rule as a row) */
#ifndef GALLEY_WORKER_HTTP_H1_PARSE_H
#define GALLEY_WORKER_HTTP_H1_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { H1_MORE = 0, H1_BAD = -1 };
enum { H1_MAX_FIELDS = 128, H1_MAX_METHOD_BYTES = 32 };

enum h1_body { H1_BODY_NONE, H1_BODY_LENGTH, H1_BODY_CHUNKED };

/* Ceilings of one head. A field line is counted without its CRLF, the head with everything (leading
 * CRLFs too). A field_count above H1_MAX_FIELDS counts as H1_MAX_FIELDS. */
struct h1_limits {
    uint32_t target_bytes, field_bytes, head_bytes, field_count;
};

/* The limits of a server whose configuration names none. */
#define H1_LIMITS_DEFAULT ((struct h1_limits){8192, 8192, 32768, 100})

/* One field line: offsets from the start of the head; the value without whitespace around it. */
struct h1_field {
    uint32_t name_at, name_len, value_at, value_len;
};

/* All offsets count from the `data` given to h1_parse_head, so they survive a move of the buffer.
 *
 * path       of origin-form or absolute-form, still percent-encoded and checked to be decodable;
 *            "*" in asterisk-form; never empty (http://host means "/").
 * query      what stands behind the '?'; has_query tells "/x?" from "/x".
 * authority  of absolute-form, else the value of Host; length 0 in HTTP/1.0 without Host. */
struct h1_head {
    uint32_t method_at, method_len;
    uint32_t target_at, target_len; /* as sent */
    uint32_t path_at, path_len;
    uint32_t query_at, query_len;
    uint32_t authority_at, authority_len;
    uint64_t content_length; /* of H1_BODY_LENGTH, which may be 0; otherwise 0 */
    enum h1_body body;
    int minor; /* HTTP/1.x: 0 or 1; 1.2 to 1.9 count as 1 */
    bool has_query;
    bool is_path_plain;   /* nothing in it is percent-encoded */
    bool keep_alive;      /* the client allows another request on this connection */
    bool expect_continue; /* Expect: 100-continue, in HTTP/1.1 */
    bool is_asterisk;     /* OPTIONS * */
    bool has_upgrade;     /* there is an Upgrade field, and Connection names it */
    int status;           /* after H1_BAD the answer: 400, 414, 417, 431, 501 or 505 */
    const char *reason;   /* after H1_BAD: a static phrase for the log */
    uint32_t field_count;
    struct h1_field fields[H1_MAX_FIELDS];
};

/* Parse the request head at data[0, len). `scanned` is 0 for a new head and belongs to the parser
 * while it is called again with more of the same bytes, so that a head that comes byte by byte
 * costs O(n). Nothing else is kept between calls; `head` is valid only after a result > 0. > 0:
 * bytes of the head, with leading CRLFs and the empty line; H1_MORE: not complete, not yet wrong;
 * H1_BAD: head->status and head->reason say why, and the connection must close after the answer.
 * Broken syntax of the request line and excess are told as soon as they are seen. */
ssize_t h1_parse_head(struct h1_head *head, const char *data, size_t len, size_t *scanned,
                      const struct h1_limits *limits) __attribute__((warn_unused_result));

#endif
