/* body.h - a request's body as one piece of memory, and what its content type says of it.
 * Does:     receive it into one buffer that grows with what comes; tell JSON from the rest.
 * Does not: parse, or trust an announced length with memory.
 * See:      galley/request.h (galley_body_read, for handlers that read themselves) */
#ifndef GALLEY_WORKER_APP_BODY_H
#define GALLEY_WORKER_APP_BODY_H

#include "worker/http/request.h"

/* The whole body, which stays until the request has ended; data NULL and len 0 without one.
 * 0; -ENOMEM, -ECANCELED, req->body_error. */
GALLEY_YIELDS int body_receive(struct galley_request *req, galley_str *body) GALLEY_MUST_USE;

/* Whether the content type is application/json or application/...+json. */
bool body_is_json(const struct galley_request *req);

/* The type and subtype of a content type, in lower case, into `to`; empty if there is none, or one of
 * more than `size` bytes. */
galley_str body_media_type(const struct galley_request *req, char *to, size_t size);

/* What reading `len` bytes of JSON, or of a form, may take besides themselves, so that a request costs at most ten times its
 * bytes and 64 KiB: a form's values are texts already, which an answer may have to show escaped. */
static inline size_t body_arena_bytes(uint64_t len, bool is_form)
{
    return (size_t)len * (is_form ? 4 : 9) + 64 * 1024;
}

#endif
