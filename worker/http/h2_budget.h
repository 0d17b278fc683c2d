/* h2_budget.h - how much of what costs us little to ask and much to do an HTTP/2 peer may send.
 * Does:     read the frame headers of the byte stream, count resets, control frames, empty and tiny DATA, priorities and
 *           continuations against token buckets; what the peer was served earns it credit. Pure.
 * Does not: read a clock, parse payloads or close anything: who asks acts on `why`.
 * See:      h2_session.c (GOAWAY ENHANCE_YOUR_CALM), t/unit/worker/http/h2_budget.c (every rule as a row) */
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
    H2_FRAME_HEAD_BYTES = 9,
    H2_PREFACE_BYTES = 24,
};

struct h2_bucket {
    int64_t refilled_ms;
    int32_t millitokens, most, per_s; /* `most` in tokens */
};

struct h2_budget {
    struct h2_bucket resets, controls, priorities, tiny_data;
    int32_t
        credit; /* WINDOW_UPDATE, PING and priority updates that are the echo of what we served */
    int32_t empty_data, continuations;
    uint32_t payload_left; /* of the frame (or preface) whose bytes come next */
    uint8_t head_len;      /* bytes in `head` */
    bool is_in_block;      /* a field block has begun and not ended */
    uint8_t head[H2_FRAME_HEAD_BYTES];
    const char *why; /* what was exceeded, a static phrase; NULL: nothing */
};

/* A connection whose first byte is that of the client's preface. */
void h2_budget_init(struct h2_budget *budget, int64_t now_ms);
/* Count the frames that begin in data[0, len), the next bytes of the stream. false: `why` says what was exceeded. */
bool h2_budget_scan(struct h2_budget *budget, const uint8_t *data, size_t len, int64_t now_ms);
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
