/* json_order.c - problems in the order of the declaration; see json_order.h.
 * Does:     a stable merge sort of the linked list.
 * Does not: recurse.
 * See:      json_read.c, json_unique.h (duplicate keys) */
#include "worker/app/json_order.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "worker/app/json_unique.h"

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

/* That there were too many is never forgotten: none is added after it. */
void json_order_drop(struct problems *problems, struct problem *mark)
{
    struct problem *p = *first_behind(problems, mark);
    for (; p != NULL && p->kind != PROBLEM_TOO_MANY; p = p->next)
        problems->count--;
    put_behind(problems, mark, p);
}

void json_order_latest(struct problems *problems, struct problem *mark, uint64_t bad)
{
    unsigned latest[SHAPE_MAX_MEMBERS] = {0};
    struct problem **at = first_behind(problems, mark);
    for (const struct problem *p = *at; p != NULL; p = p->next) {
        unsigned place = p->order % SHAPE_MAX_MEMBERS;
        if (p->order < JSON_ORDER_EXTRA && p->order > latest[place])
            latest[place] = p->order;
    }
    problems->last = mark;
    while (*at != NULL) {
        struct problem *p = *at;
        unsigned place = p->order % SHAPE_MAX_MEMBERS;
        bool is_member = p->order < JSON_ORDER_EXTRA;
        if (is_member && (!(bad >> place & 1) || p->order < latest[place])) {
            *at = p->next;
            problems->count--;
            continue;
        }
        if (is_member)
            p->order = place;
        problems->last = p;
        at = &p->next;
    }
}

void json_order_extras(struct problems *problems, struct problem *mark)
{
    struct problem *extras = NULL, **end = &extras, **at = first_behind(problems, mark);
    while (*at != NULL) {
        if ((*at)->order < JSON_ORDER_EXTRA || (*at)->kind == PROBLEM_TOO_MANY) {
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

/* Drop what was wrong with entries that others have replaced; the rest stands where the key came first. */
static size_t unite_problems(const struct json_unique *unique, struct problems *problems,
                             struct problem *mark)
{
    struct problem **at = first_behind(problems, mark);
    while (*at != NULL) {
        struct problem *p = *at;
        bool is_entry = p->kind != PROBLEM_TOO_MANY;
        bool is_kept = !is_entry || unique->last[unique->first[p->order]] == p->order;
        if (is_kept && is_entry)
            p->order = unique->first[p->order];
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
    struct json_unique unique;
    if (json_unique_bytes(*count) > arena_left(problems->arena)) {
        problems->arena->is_full = true;
        return -ENOMEM;
    }
    int status = json_unique_init(&unique, entries, *count, entry_bytes);
    if (status < 0)
        return status;
    *bad_count = unite_problems(&unique, problems, mark);
    *count = json_unique_unite(&unique, entries, *count, entry_bytes);
    json_unique_release(&unique);
    return 0;
}
