/* json_order.c - problems in the order of the declaration; see json_order.h.
 * Does:     a stable merge sort of the linked list; a keyed hash over a map's keys.
 * Does not: recurse.
 * See:      json_read.c */
#include "worker/app/json_order.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- lists of problems ---- */

static struct problem **first_behind(struct problems *problems, struct problem *mark)
{
    return mark != NULL ? &mark->next : &problems->first;
}

/* Make `list` what stands behind the mark. */
static void put_behind(struct problems *problems, struct problem *mark, struct problem *list)
{
    *first_behind(problems, mark) = list;
    problems->last = mark;
    for (; list != NULL; list = list->next)
        problems->last = list;
}

void json_order_label(struct problems *problems, struct problem *mark, unsigned order)
{
    for (struct problem *p = *first_behind(problems, mark); p != NULL; p = p->next)
        p->order = p->kind == PROBLEM_TOO_MANY ? UINT_MAX : order;
}

/* -1, 0, 1 */
static int compare_labels(const struct problem *a, const struct problem *b)
{
    return (a->order > b->order) - (a->order < b->order);
}

static int compare_keys(const struct problem *a, const struct problem *b)
{
    galley_str x = a->loc->key, y = b->loc->key;
    if (x.len != y.len)
        return x.len < y.len ? -1 : 1;
    int order = memcmp(x.data, y.data, x.len);
    return order != 0 ? order : compare_labels(a, b);
}

typedef int compare_problems(const struct problem *a, const struct problem *b);

static struct problem *merge(struct problem *a, struct problem *b, compare_problems *compare)
{
    struct problem *merged = NULL, **end = &merged;
    while (a != NULL && b != NULL) {
        struct problem **least = compare(a, b) <= 0 ? &a : &b;
        *end = *least;
        *least = (*least)->next;
        end = &(*end)->next;
    }
    *end = a != NULL ? a : b;
    return merged;
}

/* Bins of 1, 2, 4, ... sorted problems; what came earlier stands in the higher bin. */
static struct problem *sort(struct problem *list, compare_problems *compare)
{
    struct problem *bins[32] = {NULL}, *sorted = NULL;
    while (list != NULL) {
        struct problem *run = list;
        list = list->next;
        run->next = NULL;
        unsigned i = 0;
        for (; i < 31 && bins[i] != NULL; i++) {
            run = merge(bins[i], run, compare);
            bins[i] = NULL;
        }
        bins[i] = merge(bins[i], run, compare);
    }
    for (unsigned i = 0; i < 32; i++)
        sorted = merge(bins[i], sorted, compare);
    return sorted;
}

void json_order_sort(struct problems *problems, struct problem *mark)
{
    struct problem *list = *first_behind(problems, mark);
    const struct problem *p = list;
    while (p != NULL && p->next != NULL && p->order <= p->next->order)
        p = p->next;
    if (p != NULL && p->next != NULL)
        put_behind(problems, mark, sort(list, compare_labels));
}

void json_order_drop(struct problems *problems, struct problem *mark)
{
    for (struct problem *p = *first_behind(problems, mark); p != NULL; p = p->next)
        problems->count--;
    put_behind(problems, mark, NULL);
}

void json_order_drop_labelled(struct problems *problems, struct problem *mark, unsigned order)
{
    struct problem **at = first_behind(problems, mark);
    problems->last = mark;
    while (*at != NULL) {
        if ((*at)->order != order) {
            problems->last = *at;
            at = &(*at)->next;
            continue;
        }
        *at = (*at)->next;
        problems->count--;
    }
}

void json_order_extras(struct problems *problems, struct problem *mark, unsigned first)
{
    struct problem *extras = NULL, **end = &extras, **at = first_behind(problems, mark);
    while (*at != NULL) {
        if ((*at)->order < first || (*at)->kind == PROBLEM_TOO_MANY) {
            at = &(*at)->next;
            continue;
        }
        *end = *at;
        end = &(*end)->next;
        *at = (*at)->next;
    }
    *end = NULL;
    extras = sort(extras, compare_keys);
    for (struct problem *p = extras; p != NULL;) {
        struct problem *next = p->next;
        bool is_same = next != NULL && next->loc->key.len == p->loc->key.len &&
                       memcmp(next->loc->key.data, p->loc->key.data, p->loc->key.len) == 0;
        if (is_same) {
            next->order = p->order;
            problems->count--;
        } else {
            p->next = *first_behind(problems, mark);
            *first_behind(problems, mark) = p;
        }
        p = next;
    }
    put_behind(problems, mark, *first_behind(problems, mark));
}

/* ---- maps ---- */

enum { SMALL_COUNT = 16 };

/* For each entry the first of its key, and for that the last. */
struct index {
    uint32_t *first, *last;
    uint32_t *table; /* 1 + entry, by hash; NULL: few enough to look at all */
    size_t mask;
    bool has_duplicates;
};

static galley_str key_of(const char *entries, size_t entry_bytes, size_t i)
{
    galley_str key;
    memcpy(&key, entries + i * entry_bytes, sizeof key);
    return key;
}

static bool is_same_key(galley_str a, galley_str b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Keys come from outside, so the hash has a secret. */
static uint64_t secret(void)
{
    static uint64_t drawn;
    uint64_t value = __atomic_load_n(&drawn, __ATOMIC_RELAXED);
    if (value == 0) {
        if (getrandom(&value, sizeof value, GRND_NONBLOCK) != sizeof value)
            value = (uintptr_t)&value;
        value |= 1;
        __atomic_store_n(&drawn, value, __ATOMIC_RELAXED);
    }
    return value;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(galley_str key, uint64_t seed)
{
    uint64_t state = seed ^ key.len;
    for (size_t at = 0; at < key.len; at += 8) {
        uint64_t word = 0;
        memcpy(&word, key.data + at, key.len - at < 8 ? key.len - at : 8);
        state = fold(state ^ word, seed ^ UINT64_C(0x9e3779b97f4a7c15)) + word;
    }
    return fold(state, UINT64_C(0xd6e8feb86659fd93) ^ seed);
}

/* The first entry with the key of entry i, which is entered if it is that itself. */
static uint32_t first_like(struct index *index, const char *entries, size_t entry_bytes, uint32_t i,
                           uint64_t seed)
{
    galley_str key = key_of(entries, entry_bytes, i);
    if (index->table == NULL) {
        for (uint32_t other = 0; other < i; other++) {
            if (is_same_key(key, key_of(entries, entry_bytes, other)))
                return other;
        }
        return i;
    }
    size_t slot = hash(key, seed) & index->mask;
    for (; index->table[slot] != 0; slot = (slot + 1) & index->mask) {
        if (is_same_key(key, key_of(entries, entry_bytes, index->table[slot] - 1)))
            return index->table[slot] - 1;
    }
    index->table[slot] = i + 1;
    return i;
}

static void fill_index(struct index *index, const char *entries, size_t count, size_t entry_bytes)
{
    uint64_t seed = secret();
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = first_like(index, entries, entry_bytes, i, seed);
        index->first[i] = first;
        index->last[first] = i;
        index->has_duplicates |= first != i;
    }
}

/* The last entry of each key to the place of the first. */
static size_t unite_entries(const struct index *index, char *entries, size_t count,
                            size_t entry_bytes)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (index->first[i] != i)
            continue;
        memmove(entries + kept * entry_bytes, entries + index->last[i] * entry_bytes, entry_bytes);
        kept++;
    }
    return kept;
}

/* Drop what was wrong with entries that others have replaced; the rest stands where the key came first. */
static size_t unite_problems(const struct index *index, struct problems *problems,
                             struct problem *mark)
{
    struct problem **at = first_behind(problems, mark);
    while (*at != NULL) {
        struct problem *p = *at;
        bool is_kept = p->kind == PROBLEM_TOO_MANY || index->last[index->first[p->order]] == p->order;
        if (is_kept && p->kind != PROBLEM_TOO_MANY)
            p->order = index->first[p->order];
        problems->count -= !is_kept;
        if (is_kept)
            at = &p->next;
        else
            *at = p->next;
    }
    put_behind(problems, mark, *first_behind(problems, mark));
    json_order_sort(problems, mark);
    size_t bad_count = 0;
    for (const struct problem *p = *first_behind(problems, mark); p != NULL; p = p->next)
        bad_count += p->next == NULL || p->next->order != p->order;
    return bad_count;
}

int json_order_map(struct problems *problems, struct problem *mark, char *entries, size_t *count,
                   size_t entry_bytes, size_t *bad_count)
{
    uint32_t few[2 * SMALL_COUNT], *many = NULL;
    struct index index = {.first = few, .last = few + SMALL_COUNT};
    if (*count > SMALL_COUNT) {
        size_t slots = 64;
        while (slots < *count * 2)
            slots *= 2;
        if (*count > UINT32_MAX / 8 || (many = calloc(slots + *count * 2, sizeof *many)) == NULL)
            return -ENOMEM;
        index = (struct index){.first = many + slots,
                               .last = many + slots + *count,
                               .table = many,
                               .mask = slots - 1};
    }
    fill_index(&index, entries, *count, entry_bytes);
    *bad_count = unite_problems(&index, problems, mark);
    if (index.has_duplicates)
        *count = unite_entries(&index, entries, *count, entry_bytes);
    free(many);
    return 0;
}
