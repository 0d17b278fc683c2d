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

/* An input of N bytes costs at most 10 N + 64 KiB: itself once, and so much of the request's arena. */
enum { INPUT_ARENA_TIMES = 9, INPUT_ARENA_BYTES = 48 * 1024 };

/* `len` bytes of input have come: let the arena grow by what they may take. */
static inline void body_allow(struct galley_request *req, size_t len)
{
    req->arena.max_bytes += INPUT_ARENA_TIMES * len;
}

#endif
