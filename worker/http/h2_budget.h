/* h2_budget.h - how much of what is cheap to send and dear to serve an HTTP/2 peer may send.
 * Does:     count resets, control frames, empty and tiny DATA, priorities and continuations against token buckets; what
 *           the peer was served earns it credit. Pure.
 * Does not: read a clock, find frames (h2_scan.h) or close anything: who asks acts on `why`.
 * See:      RFC 9113 section 10.5, t/unit/worker/http/h2_budget.c (every rule as a row) */
#ifndef GALLEY_WORKER_HTTP_H2_BUDGET_H
#define GALLEY_WORKER_HTTP_H2_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    H2_RESETS = 200, /* RST_STREAM of either side at once, then so many a second */
    H2_RESETS_PER_S = 33,
    H2_CONTROLS = 200, /* PING, SETTINGS, their ACKs, WINDOW_UPDATE, unknown: 200 in 10 s */
    H2_CONTROLS_PER_S = 20,
    H2_PRIORITIES = 100,
    H2_PRIORITIES_PER_S = 100,
    H2_TINY_DATA = 5000, /* DATA of less than H2_TINY_BYTES that does not end its stream */
    H2_TINY_DATA_PER_S = 1000,
    H2_TINY_BYTES = 128,
    H2_EMPTY_DATA = 100,  /* in the connection's life */
    H2_CONTINUATIONS = 8, /* in one field block */
    H2_CREDIT_MAX = 10000,
};

/* RFC 9113 section 6, RFC 9218 section 7.1 */
enum h2_frame_type {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RST_STREAM,
    H2_SETTINGS,
    H2_PUSH_PROMISE,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW_UPDATE,
    H2_CONTINUATION,
    H2_PRIORITY_UPDATE = 16
};
enum { H2_FLAG_END_STREAM = 1, H2_FLAG_END_HEADERS = 4, H2_FLAG_PADDED = 8 };

struct h2_bucket {
    int64_t refilled_ms;
    int32_t millitokens, most, per_s; /* `most` in tokens */
};

struct h2_budget {
    struct h2_bucket resets, controls, priorities, tiny_data;
    int32_t
        credit; /* WINDOW_UPDATE, PING and priority updates that are the echo of what we served */
    int32_t empty_data, continuations;
    const char *why; /* what was exceeded, a static phrase; NULL: nothing */
};

void h2_budget_init(struct h2_budget *budget, int64_t now_ms);
/* Count a frame that begins now. false: `why` says what was exceeded. */
bool h2_budget_frame(struct h2_budget *budget, unsigned type, unsigned flags, uint32_t len,
                     int64_t now_ms);
/* We reset a stream because of the peer. false: too many. */
bool h2_budget_reset(struct h2_budget *budget, int64_t now_ms);
/* We sent a DATA frame of `bytes`: its echo in WINDOW_UPDATEs is paid for. */
static inline void h2_budget_served(struct h2_budget *budget, size_t bytes)
{
    int32_t earned = 2 + (int32_t)(bytes / 1024);
    if (budget->credit < H2_CREDIT_MAX - earned)
        budget->credit += earned;
}

#endif
