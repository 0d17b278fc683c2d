/* json_unique.c - which of many keys are the same; see json_unique.h.
 * Does:     look at all pairs of a few keys; hash more of them, with a secret drawn once.
 * Does not: sort.
 * See:      t/unit/worker/app/json_read.c */
#include "worker/app/json_unique.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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
static uint32_t first_like(struct json_unique *unique, const char *entries, size_t entry_bytes,
                           uint32_t i, uint64_t seed)
{
    galley_str key = key_of(entries, entry_bytes, i);
    if (unique->table == NULL) {
        for (uint32_t other = 0; other < i; other++) {
            if (is_same_key(key, key_of(entries, entry_bytes, other)))
                return other;
        }
        return i;
    }
    size_t slot = hash(key, seed) & unique->mask;
    for (; unique->table[slot] != 0; slot = (slot + 1) & unique->mask) {
        if (is_same_key(key, key_of(entries, entry_bytes, unique->table[slot] - 1)))
            return unique->table[slot] - 1;
    }
    unique->table[slot] = i + 1;
    return i;
}

static void fill(struct json_unique *unique, const char *entries, size_t count, size_t entry_bytes)
{
    uint64_t seed = secret();
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = first_like(unique, entries, entry_bytes, i, seed);
        unique->first[i] = first;
        unique->last[first] = i;
        unique->has_duplicates |= first != i;
    }
}

static size_t slots_for(size_t count)
{
    size_t slots = 64;
    while (slots < count + count / 2)
        slots *= 2;
    return slots;
}

size_t json_unique_bytes(size_t count)
{
    return count > JSON_UNIQUE_FEW ? (slots_for(count) + count * 2) * sizeof(uint32_t) : 0;
}

int json_unique_init(struct json_unique *unique, const char *entries, size_t count,
                     size_t entry_bytes)
{
    *unique = (struct json_unique){.first = unique->few, .last = unique->few + JSON_UNIQUE_FEW};
    if (count > JSON_UNIQUE_FEW) {
        if (count > UINT32_MAX / 8)
            return -ENOMEM;
        size_t slots = slots_for(count);
        unique->table = calloc(slots + count * 2, sizeof *unique->table);
        if (unique->table == NULL)
            return -ENOMEM;
        unique->first = unique->table + slots;
        unique->last = unique->first + count;
        unique->mask = slots - 1;
    }
    fill(unique, entries, count, entry_bytes);
    return 0;
}

void json_unique_release(struct json_unique *unique)
{
    free(unique->table);
}

size_t json_unique_unite(const struct json_unique *unique, char *entries, size_t count,
                         size_t entry_bytes)
{
    if (!unique->has_duplicates)
        return count;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (unique->first[i] != i)
            continue;
        memmove(entries + kept * entry_bytes, entries + unique->last[i] * entry_bytes, entry_bytes);
        kept++;
    }
    return kept;
}
