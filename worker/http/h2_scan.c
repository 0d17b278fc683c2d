/* h2_scan.c - finds the frames an HTTP/2 client sends, and those it may not send.
 * Does:     walk the stream, keep the fate of recent stream numbers, ask the budget.
 * Does not: copy more than a frame's head.
 * See:      h2_scan.h. */
#include "worker/http/h2_scan.h"

#include <string.h>

void h2_scan_init(struct h2_scan *scan, int64_t now_ms)
{
    memset(scan, 0, sizeof *scan);
    h2_budget_init(&scan->budget, now_ms);
    scan->payload_left = H2_PREFACE_BYTES;
}

static bool fault(struct h2_scan *scan, uint32_t error, const char *why)
{
    scan->error = error;
    scan->why = why;
    return false;
}

static uint32_t get_31(const uint8_t *at)
{
    return ((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]) &
           0x7fffffff;
}

static uint8_t *fate_of(struct h2_scan *scan, uint32_t id)
{
    return &scan->fates[id / 2 % H2_FATES];
}

static void open_stream(struct h2_scan *scan, uint32_t id)
{
    uint32_t skipped = scan->last_id == 0 ? 1 : scan->last_id + 2;
    if (id - skipped > 2 * H2_FATES)
        skipped = id - 2 * H2_FATES;
    for (; skipped < id; skipped += 2)
        *fate_of(scan, skipped) = H2_PASSED_OVER;
    *fate_of(scan, id) = H2_OPENED;
    scan->last_id = id;
}

/* DATA, HEADERS and RST_STREAM of the client's streams; the rest nghttp2 judges, and numbers too old to remember. */
static bool check_stream(struct h2_scan *scan, unsigned type, unsigned flags, uint32_t id)
{
    if (id % 2 == 0)
        return true;
    if (id > scan->last_id) {
        if (type != H2_HEADERS)
            return true;
        open_stream(scan, id);
    } else if (scan->last_id - id >= 2 * H2_FATES) {
        return true;
    }
    uint8_t *fate = fate_of(scan, id);
    if (type != H2_RST_STREAM && *fate == H2_PASSED_OVER)
        return fault(scan, H2_PROTOCOL_ERROR, "a stream below an earlier one");
    if (type != H2_RST_STREAM && *fate == H2_ENDED)
        return fault(scan, H2_STREAM_CLOSED, "a frame on a stream that its sender has ended");
    if (type == H2_RST_STREAM || flags & H2_FLAG_END_STREAM)
        *fate = *fate == H2_OPENED ? H2_ENDED : *fate;
    return true;
}

static bool check_priority(struct h2_scan *scan, uint32_t id)
{
    if (id == 0)
        return fault(scan, H2_PROTOCOL_ERROR, "PRIORITY of stream 0");
    if (get_31(scan->head + H2_FRAME_HEAD_BYTES) == id)
        return fault(scan, H2_PROTOCOL_ERROR, "a stream that depends on itself");
    return true;
}

static uint32_t payload_len(const struct h2_scan *scan)
{
    return (uint32_t)scan->head[0] << 16 | (uint32_t)scan->head[1] << 8 | scan->head[2];
}

/* Bytes of the head that are wanted before it is judged. */
static size_t head_wanted(const struct h2_scan *scan)
{
    bool is_priority = scan->head_len >= H2_FRAME_HEAD_BYTES && scan->head[3] == H2_PRIORITY &&
                       payload_len(scan) == 5;
    return is_priority ? H2_SCAN_HEAD_BYTES : H2_FRAME_HEAD_BYTES;
}

static bool check_frame(struct h2_scan *scan, int64_t now_ms)
{
    unsigned type = scan->head[3], flags = scan->head[4];
    uint32_t id = get_31(scan->head + 5), len = payload_len(scan);
    scan->payload_left = len - (scan->head_len - H2_FRAME_HEAD_BYTES);
    if (!h2_budget_frame(&scan->budget, type, flags, len, now_ms))
        return fault(scan, H2_ENHANCE_YOUR_CALM, scan->budget.why);
    if (type == H2_HEADERS || type == H2_CONTINUATION)
        scan->is_in_block = !(flags & H2_FLAG_END_HEADERS);
    if (type == H2_DATA || type == H2_HEADERS || type == H2_RST_STREAM)
        return check_stream(scan, type, flags, id);
    if (scan->head_len == H2_SCAN_HEAD_BYTES)
        return check_priority(scan, id);
    return true;
}

bool h2_scan_bytes(struct h2_scan *scan, const uint8_t *data, size_t len, int64_t now_ms)
{
    const uint8_t *end = data + len;
    while (data < end) {
        size_t there = (size_t)(end - data);
        if (scan->payload_left > 0) {
            size_t skipped = there < scan->payload_left ? there : scan->payload_left;
            scan->payload_left -= (uint32_t)skipped;
            data += skipped;
            continue;
        }
        size_t wanted = head_wanted(scan) - scan->head_len;
        size_t taken = there < wanted ? there : wanted;
        memcpy(scan->head + scan->head_len, data, taken);
        scan->head_len = (uint8_t)(scan->head_len + taken);
        data += taken;
        if (scan->head_len < head_wanted(scan))
            continue;
        bool is_fine = check_frame(scan, now_ms);
        scan->head_len = 0;
        if (!is_fine)
            return false;
    }
    return true;
}
