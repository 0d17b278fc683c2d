/* histogram.c - how often each duration occurred: bounds, sums, percentiles.
 * Does:     what histogram.h says.
 * Does not: count (histogram_add does, inline).
 * See:      t/unit/common/histogram.c */
#include "common/histogram.h"

#include "common/bug.h"

_Static_assert(HISTOGRAM_BUCKETS == (HISTOGRAM_TOP_BITS - HISTOGRAM_STEP_BITS + 1)
                                        << HISTOGRAM_STEP_BITS,
               "buckets up to HISTOGRAM_TOP_BITS");

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t histogram_bound(size_t bucket)
{
    GALLEY_BUG_IF(bucket >= HISTOGRAM_BUCKETS, "bucket %zu", bucket);
    if (bucket < 2 << HISTOGRAM_STEP_BITS)
        return bucket;
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t first = bucket - ((size_t)shift << HISTOGRAM_STEP_BITS);
    return ((first + 1) << shift) - 1;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count = sum_of(count, histogram->counts[i]);
    return count;
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned percent)
{
    uint64_t count = histogram_count(histogram), seen = 0;
    /* The smallest rank with rank / count >= percent / 100, without overflow. */
    uint64_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;
    if (count == 0)
        return 0;
    for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
        seen = sum_of(seen, histogram->counts[i]);
        if (seen >= rank)
            return histogram_bound(i) < histogram->max ? histogram_bound(i) : histogram->max;
    }
    return histogram->max; /* the last bucket has no bound */
}

void histogram_merge(struct histogram *sum, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        sum->counts[i] = sum_of(sum->counts[i], from->counts[i]);
    if (from->max > sum->max)
        sum->max = from->max;
}
