/* pg_cache.c - the statements that a session has prepared: found by their text, at most PG_CACHE_MAX of them.
 * Does:     hash, compare, keep the order of use, name them.
 * Does not: speak to the server: who adds one prepares it, who gets an evicted name deallocates it.
 * See:      t/unit/worker/io/pg_cache.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/io/pg.h"

void pg_cache_init(struct pg_cache *cache)
{
    memset(cache, 0, sizeof *cache);
    list_init(&cache->by_use);
}

/* FNV-1a's idea, eight bytes a step. */
static uint64_t hash_of(const char *sql, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u ^ len, word;
    for (; len >= sizeof word; sql += sizeof word, len -= sizeof word) {
        memcpy(&word, sql, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, sql, len);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static void list_prepend(struct list *list, struct list *node)
{
    list_append(list->next, node);
}

struct pg_prepared *pg_cache_find(struct pg_cache *cache, const char *sql)
{
    size_t len = strlen(sql);
    uint64_t hash = hash_of(sql, len);
    struct pg_prepared *at = cache->buckets[hash % PG_CACHE_BUCKETS];
    while (at && (at->hash != hash || at->len != len || memcmp(at->sql, sql, len) != 0))
        at = at->next;
    if (at && cache->by_use.next != &at->by_use) {
        list_remove(&at->by_use);
        list_prepend(&cache->by_use, &at->by_use);
    }
    return at;
}

void pg_cache_remove(struct pg_cache *cache, struct pg_prepared *prepared)
{
    struct pg_prepared **at = &cache->buckets[prepared->hash % PG_CACHE_BUCKETS];
    while (*at != prepared)
        at = &(*at)->next;
    *at = prepared->next;
    list_remove(&prepared->by_use);
    cache->count--;
    free(prepared);
}

struct pg_prepared *pg_cache_add(struct pg_cache *cache, const char *sql,
                                 char evicted[PG_NAME_BYTES])
{
    size_t len = strlen(sql);
    struct pg_prepared *made = malloc(sizeof *made + len + 1);
    evicted[0] = '\0';
    if (made == NULL)
        return NULL;
    if (cache->count == PG_CACHE_MAX) {
        struct pg_prepared *last = LIST_ENTRY(cache->by_use.prev, struct pg_prepared, by_use);
        memcpy(evicted, last->name, PG_NAME_BYTES);
        pg_cache_remove(cache, last);
    }
    memcpy(made->sql, sql, len + 1);
    made->len = len;
    made->hash = hash_of(sql, len);
    snprintf(made->name, sizeof made->name, "g%u", ++cache->next_number);
    made->next = cache->buckets[made->hash % PG_CACHE_BUCKETS];
    cache->buckets[made->hash % PG_CACHE_BUCKETS] = made;
    list_prepend(&cache->by_use, &made->by_use);
    cache->count++;
    return made;
}

void pg_cache_release(struct pg_cache *cache)
{
    while (!list_is_empty(&cache->by_use))
        pg_cache_remove(cache, LIST_ENTRY(cache->by_use.next, struct pg_prepared, by_use));
}
