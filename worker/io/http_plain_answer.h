/* http_plain_answer.h - an HTTP/1.1 answer, read as it arrives, cut anywhere.
 * Does:     fill a handle's status, head and body, in its arena and up to its body_max; know where the answer ends, and
 *           whether the connection may be used again.
 * Does not: read sockets, wait, or keep pointers to what it is given.
 * See:      http_plain.c, t/unit/worker/io/http_plain_answer.c */
#ifndef GALLEY_WORKER_IO_HTTP_PLAIN_ANSWER_H
#define GALLEY_WORKER_IO_HTTP_PLAIN_ANSWER_H

#include "worker/http/h1_chunk.h"
#include "worker/io/http_client.h"

/* How an answer's body ends. */
enum http_framing { HTTP_BY_NOTHING, HTTP_BY_LENGTH, HTTP_BY_CHUNKS, HTTP_BY_END };

/* What is being read: in the frame of the call. {.handle = handle, .wants_status = true} begins, and nothing is released. */
struct http_answer {
    struct http_handle *handle;
    bool wants_status, is_head_over;
    bool is_done; /* for the caller: it is whole */
    bool keeps;   /* for the caller, when it is whole: the connection may be used again */
    bool has_length, has_coding, is_chunked;
    enum http_framing framing;
    uint64_t left; /* HTTP_BY_LENGTH */
    struct h1_chunk chunk;
    char *part; /* of a line that has not ended yet */
    size_t part_len, part_room;
};

/* Take what has come, `len` > 0 bytes, while it is not done. 0; -GALLEY_EGARBLED, -GALLEY_EANSWER_SIZE, -ENOMEM: it cannot
 * be read on. */
int http_answer_take(struct http_answer *answer, const char *data, size_t len)
    __attribute__((warn_unused_result));
/* The connection has ended, while it is not done. 0: so has the answer; -ECONNRESET: it is cut off. */
int http_answer_end(struct http_answer *answer) __attribute__((warn_unused_result));

#endif
