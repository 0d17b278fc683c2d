/* h2_budget.c - token buckets over the frames of one HTTP/2 connection.
 * Does:     take a token for each frame that is cheap to send, refill by time.
 * Does not: judge correctness or act.
 * See:      h2_budget.h, RFC 9113 section 10.5 */
#include "worker/http/h2_budget.h"

#include <string.h>

static void bucket_init(struct h2_bucket *bucket, int32_t most, int32_t per_s, int64_t now_ms)
{
    *bucket = (struct h2_bucket){now_ms, most * 1000, most, per_s};
}

static bool bucket_take(struct h2_bucket *bucket, int64_t now_ms)
{
    int64_t passed_ms = now_ms - bucket->refilled_ms;
    if (passed_ms > 0) {
        int64_t room = (int64_t)bucket->most * 1000 - bucket->millitokens;
        int64_t gain = passed_ms > room / bucket->per_s ? room : passed_ms * bucket->per_s;
        bucket->millitokens += (int32_t)gain;
        bucket->refilled_ms = now_ms;
    }
    if (bucket->millitokens < 1000)
        return false;
    bucket->millitokens -= 1000;
    return true;
}

void h2_budget_init(struct h2_budget *budget, int64_t now_ms)
{
    memset(budget, 0, sizeof *budget);
    bucket_init(&budget->resets, H2_RESETS, H2_RESETS_PER_S, now_ms);
    bucket_init(&budget->controls, H2_CONTROLS, H2_CONTROLS_PER_S, now_ms);
    bucket_init(&budget->priorities, H2_PRIORITIES, H2_PRIORITIES_PER_S, now_ms);
    bucket_init(&budget->tiny_data, H2_TINY_DATA, H2_TINY_DATA_PER_S, now_ms);
}

static bool allow(struct h2_budget *budget, bool is_within, const char *why)
{
    if (!is_within)
        budget->why = why;
    return is_within;
}

bool h2_budget_reset(struct h2_budget *budget, int64_t now_ms)
{
    return allow(budget, bucket_take(&budget->resets, now_ms), "stream resets");
}

static bool count_control(struct h2_budget *budget, bool is_echo, int64_t now_ms)
{
    if (is_echo && budget->credit > 0) {
        budget->credit--;
        return true;
    }
    return allow(budget, bucket_take(&budget->controls, now_ms), "control frames");
}

static bool count_data(struct h2_budget *budget, uint32_t len, unsigned flags, int64_t now_ms)
{
    if (flags & H2_FLAG_END_STREAM)
        return true;
    /* Padding is what the peer likes it to be; only its presence is seen here, so such a frame counts as tiny. */
    bool is_padded = (flags & H2_FLAG_PADDED) != 0;
    if (len == 0 || (is_padded && len < 2))
        return allow(budget, ++budget->empty_data <= H2_EMPTY_DATA, "empty DATA frames");
    if (len < H2_TINY_BYTES || (is_padded && len < 2 * H2_TINY_BYTES + 1))
        return allow(budget, bucket_take(&budget->tiny_data, now_ms), "tiny DATA frames");
    return true;
}

bool h2_budget_frame(struct h2_budget *budget, unsigned type, unsigned flags, uint32_t len,
                     int64_t now_ms)
{
    switch (type) {
    case H2_DATA:
        return count_data(budget, len, flags, now_ms);
    case H2_HEADERS:
        budget->continuations = 0;
        if (budget->credit < H2_CREDIT_MAX - 2)
            budget->credit += 2;
        return true;
    case H2_CONTINUATION:
        return allow(budget, ++budget->continuations <= H2_CONTINUATIONS, "CONTINUATION frames");
    case H2_PRIORITY:
        return allow(budget, bucket_take(&budget->priorities, now_ms), "PRIORITY frames");
    case H2_RST_STREAM:
        return allow(budget, bucket_take(&budget->resets, now_ms), "stream resets");
    case H2_WINDOW_UPDATE:
    case H2_PING:
    case H2_PRIORITY_UPDATE:
        return count_control(budget, true, now_ms);
    default:
        return count_control(budget, false, now_ms);
    }
}
