/* response.h - ways to answer a request, for worker/app/ and for failures; over any transport.
 * Does:     whole answers, streamed ones, files, {"detail": ...} failures; HEAD, 204, 304 send no content.
 * Does not: encode models (worker/app/json_write.c) or frame (h1_send.c, h2_stream.c).
 * All may wait and return 0, or -errno when the peer is gone, too slow, or the request was cancelled. */
#ifndef GALLEY_WORKER_HTTP_RESPONSE_H
#define GALLEY_WORKER_HTTP_RESPONSE_H

#include "worker/http/request.h"

/* The whole answer: req->status (0: 200), its fields, and a body of `type` (data NULL: no content-type). */
GALLEY_YIELDS int response_send(struct galley_request *req, galley_str type, const void *body,
                                size_t len) GALLEY_MUST_USE;
/* {"detail":"..."} as application/json with `status`. */
GALLEY_YIELDS int response_send_detail(struct galley_request *req, int status,
                                       galley_str detail) GALLEY_MUST_USE;
/* Head of an answer whose body follows by response_write; length HTTP_LENGTH_UNKNOWN if not known. */
GALLEY_YIELDS int response_begin(struct galley_request *req, galley_str type,
                                 uint64_t length) GALLEY_MUST_USE;
GALLEY_YIELDS int response_write(struct galley_request *req, const void *data,
                                 size_t len) GALLEY_MUST_USE;
GALLEY_YIELDS int response_end(struct galley_request *req) GALLEY_MUST_USE;
/* A file's [0, len) as the whole answer. `fd` stays the caller's. */
GALLEY_YIELDS int response_send_file(struct galley_request *req, galley_str type, int fd,
                                     uint64_t len) GALLEY_MUST_USE;

/* Set a field of the answer, replacing one of that name; both slices must outlive the request (or be in its arena),
 * `name` in lower case. 0, -ENOMEM. */
int response_set_field(struct galley_request *req, galley_str name,
                       galley_str value) GALLEY_MUST_USE;

/* RFC 9110 reason phrase; "" for an unknown status. */
const char *http_reason(int status);
/* Whether answers of this status have no content (1xx, 204, 205, 304). */
static inline bool http_status_is_bodyless(int status)
{
    return status < 200 || status == 204 || status == 205 || status == 304;
}

#endif
