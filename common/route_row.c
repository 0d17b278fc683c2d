/* route_row.c - what was counted of one route, as a row.
 * Does:     what route_row.h says; the numbers by one table.
 * Does not: allocate.
 * See:      docs/PROTOCOL.md, t/unit/common/route_row.c */
#include "common/route_row.h"

#include <errno.h>
#include <string.h>

#define NUMBERS(X) X(requests) X(cancelled) X(blocked) X(arena_high_bytes) X(stack_high_bytes)

static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
#define X(name) {#name, offsetof(struct route_row, name)},
    NUMBERS(X)
#undef X
};
enum { NUMBER_COUNT = sizeof(numbers) / sizeof(numbers[0]), PAIRS = 3 + NUMBER_COUNT + 3 };

static const char *const text_names[] = {"method", "path", "name"};

static uint64_t *number_at(struct route_row *row, size_t index)
{
    return (uint64_t *)(void *)((char *)row + numbers[index].offset);
}

static uint64_t number_of(const struct route_row *row, size_t index)
{
    return *(const uint64_t *)(const void *)((const char *)row + numbers[index].offset);
}

/* ---- writing ---- */

static void put_text(struct mp_writer *out, const char *key, galley_str text)
{
    mp_put_str(out, key);
    if (text.data == NULL)
        mp_put_nil(out);
    else
        mp_put_str_len(out, text.data, text.len);
}

static void put_latency(struct mp_writer *out, const struct histogram *latency)
{
    size_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += latency->counts[i] > 0;
    mp_put_array(out, 2 * count);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (latency->counts[i] == 0)
            continue;
        mp_put_uint(out, i);
        mp_put_uint(out, latency->counts[i]);
    }
}

void route_row_put(struct mp_writer *out, const struct route_row *row)
{
    mp_put_map(out, PAIRS);
    put_text(out, text_names[0], row->method);
    put_text(out, text_names[1], row->path);
    put_text(out, text_names[2], row->name);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        mp_put_str(out, numbers[i].name);
        mp_put_uint(out, number_of(row, i));
    }
    mp_put_str(out, "responses");
    mp_put_array(out, ROUTE_ROW_CLASSES);
    for (size_t i = 0; i < ROUTE_ROW_CLASSES; i++)
        mp_put_uint(out, row->responses[i]);
    mp_put_str(out, "max_us");
    mp_put_uint(out, row->latency_us.max);
    mp_put_str(out, "latency_us");
    put_latency(out, &row->latency_us);
}

/* ---- reading: each answers 0 or -EBADMSG ---- */

static int get_key(struct mp_reader *reader, const char *key)
{
    struct mp_value value;
    return mp_get_type(reader, MP_STR, &value) < 0 || !mp_str_is(&value, key) ? -EBADMSG : 0;
}

static int get_text(struct mp_reader *reader, const char *key, galley_str *text)
{
    struct mp_value value;
    if (get_key(reader, key) < 0 || mp_get(reader, &value) < 0)
        return -EBADMSG;
    if (value.type == MP_NIL)
        return 0;
    if (value.type != MP_STR || value.len > ROUTE_ROW_TEXT_BYTES)
        return -EBADMSG;
    *text = (galley_str){value.data, value.len};
    return 0;
}

static int get_number(struct mp_reader *reader, uint64_t *number)
{
    struct mp_value value;
    if (mp_get_type(reader, MP_UINT, &value) < 0)
        return -EBADMSG;
    *number = value.uint;
    return 0;
}

static int get_responses(struct mp_reader *reader, struct route_row *row)
{
    struct mp_value list;
    uint64_t left = row->requests;
    if (get_key(reader, "responses") < 0 || mp_get_type(reader, MP_ARRAY, &list) < 0 ||
        list.len != ROUTE_ROW_CLASSES)
        return -EBADMSG;
    for (size_t i = 0; i < ROUTE_ROW_CLASSES; i++) {
        if (get_number(reader, &row->responses[i]) < 0 || row->responses[i] > left)
            return -EBADMSG;
        left -= row->responses[i];
    }
    return 0;
}

static int get_latency(struct mp_reader *reader, struct histogram *latency)
{
    struct mp_value list;
    if (get_key(reader, "max_us") < 0 || get_number(reader, &latency->max) < 0 ||
        get_key(reader, "latency_us") < 0 || mp_get_type(reader, MP_ARRAY, &list) < 0 ||
        list.len > 2 * HISTOGRAM_BUCKETS || list.len % 2 != 0)
        return -EBADMSG;
    uint64_t least = 0; /* buckets come in their order */
    for (size_t i = 0; i < list.len / 2; i++) {
        uint64_t bucket;
        if (get_number(reader, &bucket) < 0 || bucket < least || bucket >= HISTOGRAM_BUCKETS ||
            get_number(reader, &latency->counts[bucket]) < 0)
            return -EBADMSG;
        least = bucket + 1;
    }
    return 0;
}

int route_row_get(struct mp_reader *reader, struct route_row *row)
{
    struct mp_value map;
    memset(row, 0, sizeof(*row));
    if (mp_get_type(reader, MP_MAP, &map) < 0 || map.len != PAIRS ||
        get_text(reader, text_names[0], &row->method) < 0 ||
        get_text(reader, text_names[1], &row->path) < 0 ||
        get_text(reader, text_names[2], &row->name) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (get_key(reader, numbers[i].name) < 0 || get_number(reader, number_at(row, i)) < 0)
            return -EBADMSG;
    return get_responses(reader, row) < 0 ? -EBADMSG : get_latency(reader, &row->latency_us);
}

/* ---- adding up ---- */

uint64_t route_row_in_flight(const struct route_row *row)
{
    uint64_t left = row->requests;
    for (size_t i = 0; i < ROUTE_ROW_CLASSES; i++)
        left -= row->responses[i] < left ? row->responses[i] : left;
    return left;
}

static bool is_equal(galley_str a, galley_str b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

bool route_row_is_same(const struct route_row *a, const struct route_row *b)
{
    return is_equal(a->path, b->path) && is_equal(a->method, b->method) &&
           (a->path.data != NULL || is_equal(a->name, b->name));
}

bool route_row_may_follow(const struct route_row *old, const struct route_row *new)
{
    if (!route_row_is_same(old, new) || new->latency_us.max < old->latency_us.max)
        return false;
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (number_of(new, i) < number_of(old, i))
            return false;
    for (size_t i = 0; i < ROUTE_ROW_CLASSES; i++)
        if (new->responses[i] < old->responses[i])
            return false;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (new->latency_us.counts[i] < old->latency_us.counts[i])
            return false;
    return true;
}

static void add(uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

static void raise_to(uint64_t *high, uint64_t other)
{
    if (other > *high)
        *high = other;
}

void route_row_add(struct route_row *sum, const struct route_row *from)
{
    add(&sum->requests, from->requests);
    add(&sum->cancelled, from->cancelled);
    add(&sum->blocked, from->blocked);
    raise_to(&sum->arena_high_bytes, from->arena_high_bytes);
    raise_to(&sum->stack_high_bytes, from->stack_high_bytes);
    for (size_t i = 0; i < ROUTE_ROW_CLASSES; i++)
        add(&sum->responses[i], from->responses[i]);
    histogram_merge(&sum->latency_us, &from->latency_us);
}
