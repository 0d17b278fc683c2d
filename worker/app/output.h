/* output.h - what a handler's Out becomes on the wire: models as JSON, and the kinds of galley/output.h.
 * Does:     choose once, at load; send the answer of one request.
 * Does not: judge the handler's result (app.c) or frame (worker/http/). */
#ifndef GALLEY_WORKER_APP_OUTPUT_H
#define GALLEY_WORKER_APP_OUTPUT_H

#include <galley/app.h>

#include "worker/app/json_write.h"
#include "worker/app/shape.h"
#include "worker/http/request.h"

enum output_kind {
    OUTPUT_MODEL,
    OUTPUT_NONE,
    OUTPUT_TEXT,
    OUTPUT_HTML,
    OUTPUT_OCTETS,
    OUTPUT_REDIRECT,
    OUTPUT_FILE,
    OUTPUT_STREAM
};

struct output {
    enum output_kind kind;
    size_t bytes;   /* of the handler's struct */
    unsigned leave; /* enum json_leave */
    const struct shape *shape;
};

/* Room that an answer's text may take: a handler that makes more has a bug. */
enum { OUTPUT_MAX_BYTES = 64 << 20 };

/* The output of `route`, whose shapes live in `shapes`. 0; -1 with a sentence in `why`. */
int output_init(struct output *output, const struct galley_route *route, struct shapes *shapes,
                struct errmsg *why) GALLEY_MUST_USE;

/* Set the handler's struct to its model's defaults, and bind a stream to its request. */
void output_prepare(const struct output *output, struct galley_request *req, void *out);

/* Answer with what the handler made. 0, or -errno: nothing was sent, or the answer broke off (req->response tells). */
GALLEY_YIELDS int output_send(const struct output *output, struct galley_request *req,
                              void *out) GALLEY_MUST_USE;

/* Answer with the text in `json`, whatever its error, and release it. */
GALLEY_YIELDS int output_send_json(struct galley_request *req,
                                   struct json_out *json) GALLEY_MUST_USE;

#endif
