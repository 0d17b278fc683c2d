/* redis.c - fuzz target: replies of Redis, cut anywhere, for waiters that stay, go, or want nothing.
 * Does:     byte 0 says how the rest is cut and who waits; what was built is read to its last byte.
 * Does not: judge values: t/unit/worker/io/redis_reply.c does.
 * See:      make fuzz; worker/io/redis_reply.c */
#include <stdlib.h>
#include <string.h>

#include "worker/io/redis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_BYTES = 1 << 16, GONE = 1, UNWANTED = 2, POOR = 4, PARTS_SHIFT = 3 };

static size_t sum;

static void touch(const struct galley_redis_reply *reply)
{
    if (reply->kind == GALLEY_REDIS_TEXT || reply->kind == GALLEY_REDIS_ERROR) {
        for (size_t i = 0; i <= reply->text.len; i++)
            sum += (unsigned char)reply->text.data[i];
        if (reply->text.data[reply->text.len] != '\0')
            abort();
    }
    for (size_t i = 0; reply->kind == GALLEY_REDIS_LIST && i < reply->count; i++)
        touch(&reply->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct redis_reader reader;
    struct arena arena;
    if (len == 0 || redis_reader_init(&reader, MAX_BYTES) < 0)
        return 0;
    unsigned how = data[0];
    size_t step = 1 + (how >> PARTS_SHIFT) * 3;
    int rc = 0;
    arena_init(&arena, NULL, 0, how & POOR ? 1100 : 1 << 20);
    for (size_t at = 1, part = 0; at < len && rc >= 0; at += step, part++) {
        size_t count = len - at < step ? len - at : step;
        bool is_gone = (how & GONE) && part > 2; /* its memory goes with it */
        if ((how & GONE) && part == 3) {
            rc = redis_reader_next(&reader, NULL, false);
            arena_release(&arena);
            arena_init(&arena, NULL, 0, 0);
        }
        if (rc < 0 || redis_reader_feed(&reader, (const char *)data + at, count) < 0)
            break;
        while ((rc = redis_reader_next(&reader, is_gone ? NULL : &arena, !(how & UNWANTED))) > 0) {
            if (reader.root)
                touch(reader.root);
        }
    }
    redis_reader_release(&reader);
    arena_release(&arena);
    return 0;
}
