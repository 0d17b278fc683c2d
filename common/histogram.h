/* histogram.h - how often each duration occurred: log-linear buckets, eight to each doubling.
 * Does:     count a value in a handful of instructions, add two histograms up, answer percentiles.
 * Does not: keep values: a percentile is exact to its bucket, which is at most an eighth of its value wide.
 *
 * Buckets 0 to 15 hold one value each, the next eight two values each, the next eight four ...; the last one holds all
 * that is longer than 67 s, too. Eight bytes each, 1,536 in all. */
#ifndef GALLEY_COMMON_HISTOGRAM_H
#define GALLEY_COMMON_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_STEP_BITS = 3, HISTOGRAM_TOP_BITS = 26, HISTOGRAM_BUCKETS = 192 };

struct histogram {
    uint64_t max;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline size_t histogram_bucket(uint64_t value)
{
    unsigned top = 63 - (unsigned)__builtin_clzll(value | ((2 << HISTOGRAM_STEP_BITS) - 1));
    unsigned shift = top - HISTOGRAM_STEP_BITS;
    size_t bucket = (size_t)(value >> shift) + ((size_t)shift << HISTOGRAM_STEP_BITS);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[histogram_bucket(value)]++;
    if (value > histogram->max)
        histogram->max = value;
}

/* The largest value of a bucket (of the last one: of those that are no longer than it promises). */
uint64_t histogram_bound(size_t bucket);
/* How many values were counted; sums stop at the largest number. */
uint64_t histogram_count(const struct histogram *histogram);
/* The value below or at which `percent` (0 < percent <= 100) of all are: the bound of its bucket, and never more than the
 * longest one; 0 when nothing was counted. */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned percent);
/* Add `from` to `sum`; counts stop at the largest number. */
void histogram_merge(struct histogram *sum, const struct histogram *from);

#endif
