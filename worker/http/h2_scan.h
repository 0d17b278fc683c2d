/* h2_scan.h - the frame heads of what an HTTP/2 client sends, before nghttp2 sees them.
 * Does:     find frames in the byte stream, however it is cut; charge them to the budget; refuse what nghttp2 passes over:
 *           frames on streams that the client itself has ended, or whose numbers it has passed over, and PRIORITY of
 *           stream 0 or on itself. All of that follows from the client's own frames alone. Pure.
 * Does not: parse payloads or keep them.
 * See:      h2_session.c (what becomes of an error), RFC 9113 sections 4.1, 5.1, 5.1.1 and 6.3,
 *           t/unit/worker/http/h2_scan.c */
#ifndef GALLEY_WORKER_HTTP_H2_SCAN_H
#define GALLEY_WORKER_HTTP_H2_SCAN_H

#include "worker/http/h2_budget.h"

enum {
    H2_PREFACE_BYTES = 24,
    H2_FRAME_HEAD_BYTES = 9,
    H2_SCAN_HEAD_BYTES = H2_FRAME_HEAD_BYTES + 4, /* PRIORITY: with what it depends on */
    H2_FATES = 256,
};

/* RFC 9113 section 7; those we send by our own judgement */
enum { H2_PROTOCOL_ERROR = 1, H2_STREAM_CLOSED = 5, H2_ENHANCE_YOUR_CALM = 11 };

/* What the client has made of a stream number. */
enum h2_fate { H2_PASSED_OVER, H2_OPENED, H2_ENDED };

struct h2_scan {
    struct h2_budget budget;
    uint32_t payload_left; /* of the frame (or preface) whose bytes come next */
    uint32_t error;        /* of the connection; 0: none so far */
    const char *why;       /* a static phrase */
    uint32_t last_id;      /* the highest stream opened so far */
    uint8_t head_len;      /* bytes in `head` */
    bool is_in_block;      /* a field block has begun and not ended */
    uint8_t head[H2_SCAN_HEAD_BYTES];
    uint8_t fates[H2_FATES]; /* enum h2_fate of the latest stream numbers, by id / 2 */
};

/* A connection whose first byte is that of the client's preface. */
void h2_scan_init(struct h2_scan *scan, int64_t now_ms);
/* Look at the next bytes of the stream. false: `error` and `why` say why the connection must end. */
bool h2_scan_bytes(struct h2_scan *scan, const uint8_t *data, size_t len, int64_t now_ms);

#endif
